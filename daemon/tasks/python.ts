/** Strings as Python handles them, where JavaScript differs: the harness is written in it. */

// `str.isspace`: Unicode's white space and the separators U+001C to U+001F, but not the byte order mark of `trim`.
const SPACE =
  "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const LEADING = new RegExp(`^${SPACE}+`);
const TRAILING = new RegExp(`${SPACE}+$`);

/** `str.strip()` */
export const strip = (text: string): string => text.replace(LEADING, "").replace(TRAILING, "");

/** `str.rstrip()` */
export const rstrip = (text: string): string => text.replace(TRAILING, "");

/** `str.capitalize()`: the first character in upper case, all others in lower case. */
export function capitalize(text: string): string {
  const [first = "", ...others] = text;
  // One letter may become several (ß → SS), of which Python leaves only the first in upper case.
  const [initial = "", ...more] = first.toUpperCase();
  return initial + more.join("").toLowerCase() + others.join("").toLowerCase();
}

/** `len(str)`: code points. */
export const length = (text: string): number => Array.from(text).length;
