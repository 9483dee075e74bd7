/** English morphology the grammar needs: numbers in words, articles, lists, capitals. */

const ONES =
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split(
    " ",
  );
const TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth"];

/** `0 ≤ n < 100` in words. */
export function numeral(n: number): string {
  const small = ONES[n];
  if (small !== undefined) return small;
  const tens = TENS[Math.floor(n / 10) - 2];
  if (tens === undefined) throw new RangeError(`no words for ${n}`);
  return n % 10 === 0 ? tens : `${tens}-${ONES[n % 10] ?? ""}`;
}

/** `index` counts from 0. */
export function ordinal(index: number): string {
  const word = ORDINALS[index];
  if (word === undefined) throw new RangeError(`no ordinal for ${index}`);
  return word;
}

/** With its indefinite article: `an owl`. The lexicon has no silent h and no `uni-`. */
export function a(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? "an" : "a"} ${noun}`;
}

/** `a, b and c`. */
export function list(items: readonly string[]): string {
  const last = items.at(-1) ?? "";
  return items.length < 2 ? last : `${items.slice(0, -1).join(", ")} and ${last}`;
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Counted noun: `one pear`, `three pears`. */
export function count(n: number, [singular, plural]: readonly [string, string]): string {
  return `${numeral(n)} ${n === 1 ? singular : plural}`;
}
