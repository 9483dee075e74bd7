/**
 * Byte-level byte-pair encoding (Sennrich et al. 2016, over bytes as in GPT-2): learns merges from a text. Ties are
 * broken by the pair itself, so the merges are a function of the text alone.
 */

/** GPT-2's pre-tokenisation: what the `ByteLevel` pre-tokenizer of the Hugging Face formats splits by. */
const WORDS = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

export type Merge = readonly [left: string, right: string];

export interface Vocabulary {
  /** Special tokens, then the 256 bytes, then the merged pairs in order; the id is the index. */
  readonly tokens: readonly string[];
  /** Best first. */
  readonly merges: readonly Merge[];
}

/**
 * Every byte as one printable character, GPT-2's table: printable Latin-1 stands for itself, the other 68 bytes for
 * the code points from 256 on, in order.
 */
export function byteAlphabet(): string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable =
      (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCodePoint(printable ? byte : next++);
  });
}

/**
 * @param size number of tokens in the result
 * @throws RangeError if the text has too few different pairs for that
 */
export function trainBpe(text: string, specials: readonly string[], size: number): Vocabulary {
  const alphabet = byteAlphabet();
  const words = countWords(text, alphabet);
  const tokens = [...specials, ...alphabet];
  const merges: Merge[] = [];
  while (tokens.length < size) {
    const pair = mostFrequentPair(words);
    if (pair === undefined) throw new RangeError(`the text yields only ${tokens.length} tokens`);
    for (const word of words) applyMerge(word.pieces, pair);
    merges.push(pair);
    tokens.push(pair.join(""));
  }
  return { tokens, merges };
}

interface CountedWord {
  /** Changed in place as merges are learnt. */
  readonly pieces: string[];
  readonly count: number;
}

function countWords(text: string, alphabet: readonly string[]): CountedWord[] {
  const counts = new Map<string, number>();
  for (const [word] of text.matchAll(WORDS)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].map(([word, count]) => ({
    pieces: Array.from(new TextEncoder().encode(word), (byte) => alphabet[byte] ?? ""),
    count,
  }));
}

function mostFrequentPair(words: readonly CountedWord[]): Merge | undefined {
  // No token contains a space: the byte alphabet writes it as U+0120.
  const counts = new Map<string, number>();
  for (const { pieces, count } of words) {
    for (let i = 1; i < pieces.length; i++) {
      const pair = `${pieces[i - 1] ?? ""} ${pieces[i] ?? ""}`;
      counts.set(pair, (counts.get(pair) ?? 0) + count);
    }
  }
  let best: string | undefined;
  let most = 0;
  for (const [pair, count] of counts) {
    if (count > most || (count === most && best !== undefined && pair < best)) {
      [best, most] = [pair, count];
    }
  }
  const [left, right] = best?.split(" ") ?? [];
  return left === undefined || right === undefined ? undefined : [left, right];
}

function applyMerge(pieces: string[], [left, right]: Merge): void {
  for (let i = 0; i + 1 < pieces.length; i++) {
    if (pieces[i] === left && pieces[i + 1] === right) pieces.splice(i, 2, left + right);
  }
}
