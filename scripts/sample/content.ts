/** The text files of `media/sample` as the scripts make them, byte by byte: everything but weights and README. */
import { trainBpe } from "./bpe.ts";
import { CONFIG_JSON, CONTEXT, GENERATION_CONFIG_JSON, VOCAB_SIZE } from "./modelConfig.ts";
import { corpus } from "./text/index.ts";
import { SPECIALS, tokenizerFiles } from "./tokenizerFiles.ts";

/** Bytes of the calibration and of the evaluation text, about 48,000 tokens each. */
const TEXT_BYTES = 200_000;
/** Bytes of training text the tokenizer learns from. */
const TOKENIZER_BYTES = 1_000_000;

/** File name → content. */
export function textFiles(): ReadonlyMap<string, string> {
  const vocabulary = trainBpe(corpus("train", TOKENIZER_BYTES), SPECIALS, VOCAB_SIZE);
  const json = {
    "config.json": CONFIG_JSON,
    "generation_config.json": GENERATION_CONFIG_JSON,
    ...tokenizerFiles(vocabulary, CONTEXT),
  };
  return new Map([
    ...Object.entries(json).map(
      ([name, value]) => [name, JSON.stringify(value, null, 2) + "\n"] as const,
    ),
    ["calibration.txt", corpus("calibration", TEXT_BYTES)],
    ["evaluation.txt", corpus("evaluation", TEXT_BYTES)],
  ]);
}
