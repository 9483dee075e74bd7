/** A {@link Vocabulary} as the three tokenizer files of a Hugging Face folder. */
import type { Vocabulary } from "./bpe.ts";

export const BOS = "<s>";
export const EOS = "</s>";
/** Ids 0 and 1. */
export const SPECIALS = [BOS, EOS] as const;

export interface TokenizerFiles {
  readonly "tokenizer.json": object;
  readonly "tokenizer_config.json": object;
  readonly "special_tokens_map.json": object;
}

/** @param maxLength context length, `model_max_length` */
export function tokenizerFiles(vocabulary: Vocabulary, maxLength: number): TokenizerFiles {
  const bosId = vocabulary.tokens.indexOf(BOS);
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true };
  const special = (content: string) => ({
    content,
    lstrip: false,
    normalized: false,
    rstrip: false,
    single_word: false,
  });
  return {
    "tokenizer.json": {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: SPECIALS.map((content, id) => ({ id, ...special(content), special: true })),
      normalizer: null,
      pre_tokenizer: { ...byteLevel, use_regex: true },
      post_processor: {
        type: "TemplateProcessing",
        single: [{ SpecialToken: { id: BOS, type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
        pair: [
          { SpecialToken: { id: BOS, type_id: 0 } },
          { Sequence: { id: "A", type_id: 0 } },
          { SpecialToken: { id: BOS, type_id: 1 } },
          { Sequence: { id: "B", type_id: 1 } },
        ],
        special_tokens: { [BOS]: { id: BOS, ids: [bosId], tokens: [BOS] } },
      },
      decoder: { ...byteLevel, use_regex: true },
      model: {
        type: "BPE",
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab: Object.fromEntries(vocabulary.tokens.map((token, id) => [token, id])),
        // As strings, not pairs: every release of `tokenizers` reads these.
        merges: vocabulary.merges.map((pair) => pair.join(" ")),
      },
    },
    "tokenizer_config.json": {
      add_bos_token: true,
      add_eos_token: false,
      bos_token: BOS,
      clean_up_tokenization_spaces: false,
      eos_token: EOS,
      model_max_length: maxLength,
      tokenizer_class: "PreTrainedTokenizerFast",
    },
    "special_tokens_map.json": { bos_token: BOS, eos_token: EOS },
  };
}
