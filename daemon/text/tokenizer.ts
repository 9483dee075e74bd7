/** The checkpoint's own tokenizer: Hugging Face `tokenizer.json`, run by `@huggingface/tokenizers`. */
import { Tokenizer as Library } from "@huggingface/tokenizers";
import * as errors from "./errors.ts";
import { canCut, encodeInPieces } from "./mergePieces.ts";
import { readTokenizerFiles, type TokenizerConfig, type TokenizerFiles } from "./tokenizerFiles.ts";

export interface Tokenizer {
  /** Path of the `tokenizer.json` it was read from. */
  readonly file: string;
  /** Largest id it can produce, plus one: the rows an embedding must have. */
  readonly vocabSize: number;
  readonly bosId: number | null;
  readonly eosId: number | null;
  /** Ids of `text` with the special tokens the tokenizer itself adds, once around the whole. */
  encode(text: string): number[];
  /** Ids of `text` with no special tokens added. */
  encodePlain(text: string): number[];
  decode(ids: readonly number[]): string;
}

/**
 * Reads the tokenizer of a checkpoint folder: `tokenizer.json`, and `tokenizer_config.json` for the names of the
 * special tokens and for `add_bos_token` / `add_eos_token`, which overrule the post-processor as in transformers.
 *
 * @throws text/tokenizer-missing, text/tokenizer-invalid, text/tokenizer-unsupported, text/file-missing
 */
export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  const files = await readTokenizerFiles(folder);
  const { file, config } = files;
  const library = build(files);

  const encodePlain = (text: string): number[] => {
    const { ids } = library.encode(text, { add_special_tokens: false });
    // The library types every id as a number, but yields undefined for a token outside the vocabulary.
    const unknown = ids.findIndex((id) => !Number.isInteger(id));
    if (unknown >= 0) throw errors.tokenWithoutId(file, unknown);
    return ids;
  };
  const idOf = (token: string | null) =>
    token === null ? null : (library.token_to_id(token) ?? null);
  const [bosId, eosId] = [idOf(config.bos_token), idOf(config.eos_token)];
  const [before, after] = addedSpecials(library, config, bosId, eosId);

  return {
    file,
    vocabSize: largestId(library.get_vocab().values()) + 1,
    bosId,
    eosId,
    encode: (text) => [...before, ...encodePlain(text), ...after],
    encodePlain,
    decode: (ids) => (ids.length === 0 ? "" : library.decode([...ids])),
  };
}

function build(files: TokenizerFiles): Library {
  const { file, definition, config, bpe } = files;
  try {
    const library = new Library(definition, config);
    const uncut =
      definition.pre_tokenizer === null || definition.pre_tokenizer.type === "Metaspace";
    if (bpe !== null && uncut && canCut(bpe)) encodeInPieces(library, bpe);
    return library;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw errors.tokenizerInvalid(file, reason, cause);
  }
}

/** What stands before and after the ids of any text: seen on a probe, then corrected by the configuration's flags. */
function addedSpecials(
  library: Library,
  config: TokenizerConfig,
  bosId: number | null,
  eosId: number | null,
): [before: number[], after: number[]] {
  const plain = library.encode("a", { add_special_tokens: false }).ids;
  const full = library.encode("a").ids;
  let start = 0;
  while (start < full.length && !plain.every((id, i) => full[start + i] === id)) start++;
  return [
    flagged(full.slice(0, start), config.add_bos_token, bosId),
    flagged(full.slice(start + plain.length), config.add_eos_token, eosId),
  ];
}

function flagged(ids: number[], add: boolean | null | undefined, id: number | null): number[] {
  if (add === null || add === undefined || id === null || ids.includes(id) === add) return ids;
  return add ? [id, ...ids] : ids.filter((other) => other !== id);
}

/** Largest of `ids`, -1 where there are none. */
export function largestId(ids: Iterable<number>): number {
  let largest = -1;
  for (const id of ids) if (id > largest) largest = id;
  return largest;
}

/**
 * @param maxId the largest id the text produced
 * @param vocabSize rows of the model's embedding, `vocab_size`
 * @param file the tokenizer's file, to name it
 * @throws text/vocabulary-mismatch
 */
export function checkVocabulary(maxId: number, vocabSize: number, file?: string): void {
  if (maxId >= vocabSize) throw errors.vocabularyMismatch(maxId, vocabSize, file);
}
