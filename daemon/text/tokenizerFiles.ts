/** Finds, reads and validates the tokenizer files of a checkpoint folder; nothing past this door is unchecked. */
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { shellWord } from "../wording.ts";
import * as errors from "./errors.ts";
import { mergedPairs, type BpeModel } from "./mergePieces.ts";

const id = z.int().nonnegative();

const bpe = z.looseObject({
  type: z.literal("BPE"),
  vocab: z.record(z.string(), id),
  merges: z.array(z.union([z.string(), z.array(z.string())])),
  ignore_merges: z.boolean().nullish(),
  end_of_word_suffix: z.string().nullish(),
  continuing_subword_prefix: z.string().nullish(),
});
const otherModel = z.looseObject({
  type: z.string().optional(),
  vocab: z.union([z.record(z.string(), id), z.array(z.tuple([z.string(), z.number()]))]),
});

/** One step of the pipeline, with the settings of pre-tokenizers that {@link refuseUnfaithful} looks at. */
const component = z.looseObject({
  type: z.string(),
  behavior: z.string().nullish(),
  invert: z.boolean().nullish(),
  split: z.boolean().nullish(),
  replacement: z.string().nullish(),
  get pretokenizers() {
    return z.array(component).nullish();
  },
});
type Component = z.infer<typeof component>;

/** `tokenizer.json`, as the Rust crate `tokenizers` writes it; absent components are as good as null. */
const definitionSchema = z.looseObject({
  added_tokens: z
    .array(z.looseObject({ id, content: z.string().min(1) }))
    .nullish()
    .transform((tokens) => tokens ?? []),
  normalizer: component.nullish().transform((part) => part ?? null),
  pre_tokenizer: component.nullish().transform((part) => part ?? null),
  post_processor: component.nullish().transform((part) => part ?? null),
  decoder: component.nullish().transform((part) => part ?? null),
  model: z.union([bpe, otherModel]),
});
export type TokenizerDefinition = z.infer<typeof definitionSchema>;

/** A special token is its text, or in older files an object that holds it. */
const specialToken = z
  .union([z.string(), z.looseObject({ content: z.string() })])
  .nullish()
  .transform((token) => (typeof token === "object" ? (token?.content ?? null) : (token ?? null)));

const configSchema = z.looseObject({
  bos_token: specialToken,
  eos_token: specialToken,
  add_bos_token: z.boolean().nullish(),
  add_eos_token: z.boolean().nullish(),
});
export type TokenizerConfig = z.infer<typeof configSchema>;

export interface TokenizerFiles {
  /** Path of `tokenizer.json`. */
  readonly file: string;
  readonly definition: TokenizerDefinition;
  /** `tokenizer_config.json`, or what it means when absent. */
  readonly config: TokenizerConfig;
  /** The model once more where it is BPE, else null. */
  readonly bpe: BpeModel | null;
}

const DEFINITION = "tokenizer.json";
const CONFIG = "tokenizer_config.json";

/** @throws text/tokenizer-missing, text/tokenizer-invalid, text/tokenizer-unsupported, text/file-missing */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const present = new Set(await entries(folder));
  if (!present.has(DEFINITION)) {
    throw errors.tokenizerMissing(folder, [DEFINITION, CONFIG], conversionAdvice(folder, present));
  }
  const file = path.join(folder, DEFINITION);
  const definition = await readJson(file, definitionSchema);
  const config = present.has(CONFIG)
    ? await readJson(path.join(folder, CONFIG), configSchema)
    : configSchema.parse({});
  const asBpe = bpe.safeParse(definition.model);
  const files = { file, definition, config, bpe: asBpe.success ? asBpe.data : null };
  refuseUnfaithful(files);
  return files;
}

async function entries(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    throw errors.fromFileSystem(folder, cause);
  }
}

function conversionAdvice(folder: string, present: ReadonlySet<string>): string {
  const older = present.has("tokenizer.model")
    ? "the SentencePiece model tokenizer.model"
    : present.has("vocab.json") && present.has("merges.txt")
      ? "the older files vocab.json and merges.txt"
      : null;
  if (older === null) {
    return `Copy ${DEFINITION} and ${CONFIG} of the original model there.`;
  }
  // A Python string literal that JSON writes is one of Python's too.
  const path = JSON.stringify(folder);
  const script = `from transformers import AutoTokenizer; AutoTokenizer.from_pretrained(${path}).save_pretrained(${path})`;
  return (
    `It has ${older}; convert once, with Python's transformers and sentencepiece installed: ` +
    `python -c ${shellWord(script)}`
  );
}

async function readJson<T>(file: string, schema: z.ZodType<T>): Promise<T> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, "utf8"));
  } catch (cause) {
    if (cause instanceof SyntaxError) {
      throw errors.tokenizerInvalid(file, `it is not JSON (${cause.message})`, cause);
    }
    throw errors.fromFileSystem(file, cause);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    throw errors.tokenizerInvalid(file, problemOf(parsed.error.issues[0]));
  }
  return parsed.data;
}

function problemOf(issue: z.core.$ZodIssue | undefined): string {
  const place = issue?.path.map(String).join(".") ?? "";
  return place === ""
    ? "it is no JSON object"
    : `"${place}" is missing or not as the format has it`;
}

const UNFAITHFUL_SPLITS = ["MergedWithPrevious", "MergedWithNext", "Contiguous"];

/** Refuses what the JavaScript library is known to apply otherwise than the Rust original: wrong ids would be silent. */
function refuseUnfaithful({ file, definition, bpe: model }: TokenizerFiles): void {
  for (const { type, behavior, invert, split, replacement } of flatten(definition.pre_tokenizer)) {
    if (type === "Split" && invert !== true && UNFAITHFUL_SPLITS.includes(behavior ?? "")) {
      throw errors.tokenizerUnsupported(file, `the pre-tokenizer Split with ${behavior ?? ""}`);
    }
    // The library does not split before the replacement sign; that matters only if a merge reaches across one.
    if (type === "Metaspace" && split !== false && model !== null) {
      const sign = replacement ?? "\u2581";
      if ([...mergedPairs(model)].some((pair) => pair.endsWith(sign))) {
        throw errors.tokenizerUnsupported(file, "the pre-tokenizer Metaspace with splitting");
      }
    }
  }
}

function flatten(part: Component | null): Component[] {
  if (part === null) return [];
  return part.type === "Sequence" ? (part.pretokenizers ?? []).flatMap(flatten) : [part];
}
