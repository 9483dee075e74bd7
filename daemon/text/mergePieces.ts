/**
 * Makes byte-pair encoding of long text fast without changing a single id.
 *
 * SentencePiece-style tokenizers (LLaMA, Mistral) have no pre-tokenizer: their whole text is one BPE word, for which
 * the library keeps a heap and a linked list of millions of nodes, and its cache of words never hits. But a merge that
 * crosses the border between two neighbouring characters `a|b` makes a token that contains `ab`. Where no merge of the
 * vocabulary makes a token containing `ab`, no merge ever crosses that border, whatever surrounds it; the merges on
 * either side neither see nor reorder each other, so encoding the two sides apart gives the same tokens. In practice
 * such borders lie before almost every space: the pieces are words, which repeat.
 */
import { PreTokenizer, type Tokenizer as Library } from "@huggingface/tokenizers";

/** The fields of a `tokenizer.json` BPE model that decide whether the argument above holds. */
export interface BpeModel {
  readonly merges: readonly (string | readonly string[])[];
  readonly ignore_merges?: boolean | null | undefined;
  readonly end_of_word_suffix?: string | null | undefined;
  readonly continuing_subword_prefix?: string | null | undefined;
}

/**
 * Whether pieces may be encoded apart: not with `ignore_merges` (a piece that happens to be a whole vocabulary entry
 * would skip its merges) nor with word affixes (they mark the ends of the uncut word).
 */
export function canCut(model: BpeModel): boolean {
  return !model.ignore_merges && !model.end_of_word_suffix && !model.continuing_subword_prefix;
}

/** Every pair of neighbouring code points inside the result of some merge. */
export function mergedPairs(model: BpeModel): ReadonlySet<string> {
  const pairs = new Set<string>();
  for (const merge of model.merges) {
    // Older files write a merge as "a b"; a space cannot be part of either side there.
    const result = typeof merge === "string" ? merge.replace(" ", "") : merge.join("");
    let previous = "";
    for (const character of result) {
      if (previous !== "") pairs.add(previous + character);
      previous = character;
    }
  }
  return pairs;
}

/** Cuts `text` at every border that no merge can cross; the pieces joined are `text`. */
export function cutBetweenMerges(text: string, pairs: ReadonlySet<string>): string[] {
  const pieces: string[] = [];
  let start = 0;
  let position = 0;
  let previous = "";
  for (const character of text) {
    if (position > start && !pairs.has(previous + character)) {
      pieces.push(text.slice(start, position));
      start = position;
    }
    previous = character;
    position += character.length;
  }
  if (start < text.length) pieces.push(text.slice(start));
  return pieces;
}

type PreTokenizeOptions = Parameters<PreTokenizer["pre_tokenize_text"]>[1];

/** The tokenizer's own pre-tokenizer, if any, followed by the cuts. */
class PiecePreTokenizer extends PreTokenizer {
  constructor(
    private readonly inner: Library["pre_tokenizer"],
    private readonly pairs: ReadonlySet<string>,
  ) {
    super();
  }

  override pre_tokenize_text(text: string, options: PreTokenizeOptions): string[] {
    const words = this.inner === null ? [text] : this.inner.pre_tokenize(text, options);
    return words.flatMap((word) => cutBetweenMerges(word, this.pairs));
  }
}

/** Makes `library` encode its BPE words piece by piece. Call only where {@link canCut} holds. */
export function encodeInPieces(library: Library, model: BpeModel): void {
  library.pre_tokenizer = new PiecePreTokenizer(library.pre_tokenizer, mergedPairs(model));
}
