/**
 * `JSON.parse` silently keeps the last of two equal keys, so a header could show one reader one tensor and another
 * reader another. This finds such keys in the raw text.
 */

/** Deeper nesting than any header or index has; bounds the memory a hostile file can claim. */
const MAX_DEPTH = 32;

export type KeyDefect = { readonly duplicate: string } | "too-deep" | null;

/**
 * The first key that occurs twice in one object of `text`. Walks the text once without recursion. On text that is
 * not JSON the answer means nothing, but it always comes; `JSON.parse` then reports the real fault.
 */
export function findKeyDefect(text: string): KeyDefect {
  /** One entry per open bracket: the keys seen so far of an object, null for an array. */
  const open: (Set<string> | null)[] = [];
  let keyExpected = false;
  for (let i = 0; i < text.length; i++) {
    switch (text.charAt(i)) {
      case '"': {
        const end = stringEnd(text, i);
        if (end < 0) return null;
        const keys = open.at(-1);
        if (keyExpected && keys) {
          const key = keyValue(text.slice(i, end + 1));
          if (keys.has(key)) return { duplicate: key };
          keys.add(key);
          keyExpected = false;
        }
        i = end;
        break;
      }
      case "{":
        open.push(new Set());
        keyExpected = true;
        break;
      case "[":
        open.push(null);
        keyExpected = false;
        break;
      case "}":
      case "]":
        open.pop();
        keyExpected = false;
        break;
      case ",":
        // Inside an array there are no keys, whatever this says.
        keyExpected = true;
        break;
      default:
    }
    if (open.length > MAX_DEPTH) return "too-deep";
  }
  return null;
}

/** Index of the quote that closes the string opened at `start`, −1 where none does. */
function stringEnd(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end >= 0) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return -1;
}

/** `"\u0061"` and `"a"` are the same key. */
function keyValue(literal: string): string {
  if (!literal.includes("\\")) return literal.slice(1, -1);
  try {
    return String(JSON.parse(literal));
  } catch {
    return literal;
  }
}
