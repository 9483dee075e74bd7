/** Calibration windows: what the importance of every weight is measured on. */
import { setImmediate } from "node:timers/promises";
import { seededRandom, type SeededRandom } from "../random.ts";
import { fingerprint, type SourceFile } from "./bytes.ts";
import { readDocuments, type Document } from "./documents.ts";
import * as errors from "./errors.ts";
import type { Tokenizer } from "./tokenizer.ts";

export type Sampling = "random" | "sequential";

export interface CalibrationOptions {
  /** Number of windows. */
  readonly samples: number;
  /** Tokens per window. */
  readonly seqLen: number;
  readonly sampling: Sampling;
  /** Seed of the random windows; without effect on sequential ones. */
  readonly seed: number;
  /** JSON field or Parquet column of the text; `text` unless given. */
  readonly field?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CalibrationSet {
  /** `samples` windows of `seqLen` ids each. */
  readonly windows: Int32Array[];
  readonly source: {
    readonly files: readonly SourceFile[];
    readonly sampling: Sampling;
    readonly seed: number;
    /** Whether each window lies inside one document, or the windows are cut from the joined text. */
    readonly cutFrom: "documents" | "joined text";
    /** Documents read. */
    readonly documents: number;
    /** Tokens of the text the windows were chosen from. */
    readonly tokens: number;
  };
}

/** What joins documents to one text: the field's way with the lines of WikiText (SparseGPT, Wanda). */
export const DOCUMENT_SEPARATOR = "\n\n";

/**
 * How much text is read, in UTF-16 units per token asked for, so that a corpus of any size costs seconds and bounded
 * memory: a token of common vocabularies is 3 to 5 units long. Joined text is tokenised whole: windows from its start
 * need no more than this, random ones are spread over some 8 times what is asked for. Documents are tokenised only until
 * enough are found: of C4, which is shuffled, some 3 % are longer than 2048 tokens, and a third of this holds enough.
 */
const JOINED_PER_TOKEN: Readonly<Record<Sampling, number>> = { sequential: 16, random: 32 };
const DOCUMENTS_PER_TOKEN = 128;
/** No less than this, so that small requests see a whole ordinary file. */
const LEAST_TEXT = 2 ** 20;

/**
 * Chooses `samples` windows of `seqLen` tokens from `files`, the same for the same files, options and tokenizer.
 *
 * - `sequential`: the documents are joined by a blank line and tokenised once, special tokens once at the start, and
 *   cut from the beginning.
 * - `random` in one document: windows of the tokenised text at uniform starts, which may overlap (SparseGPT on
 *   WikiText-2).
 * - `random` in several documents: documents of more than `seqLen` tokens in random order, one window at a uniform
 *   start in each (SparseGPT and Wanda on C4; they may draw a document twice, this does not). If fewer than
 *   `samples` documents are long enough, all windows are cut at uniform starts from the joined text instead.
 *
 * Huge files are not read to their end: joined text ends after 16 characters per token asked for, 32 if random, and
 * random documents are drawn from the first 128 characters per token; 2²⁰ where that is more. Files are hashed whole.
 *
 * @throws text/too-short and the errors of {@link readDocuments}
 */
export async function sampleCalibration(
  tokenizer: Tokenizer,
  files: readonly string[],
  options: CalibrationOptions,
): Promise<CalibrationSet> {
  const { samples, seqLen, sampling, seed, signal } = options;
  const documents = await readSome(files, options);
  const random = seededRandom(seed);

  const chosen =
    sampling === "random" && documents.length > 1
      ? await fromDocuments(tokenizer, documents, samples, seqLen, random, signal)
      : null;
  const { windows, tokens } =
    chosen ?? fromJoinedText(tokenizer, files, documents, options, random);

  return {
    windows,
    source: {
      files: (await fingerprint(files, signal)).files,
      sampling,
      seed,
      cutFrom: chosen === null ? "joined text" : "documents",
      documents: documents.length,
      tokens,
    },
  };
}

const textLimit = ({ samples, seqLen }: CalibrationOptions, perToken: number): number =>
  Math.max(LEAST_TEXT, samples * seqLen * perToken);

const joinedLimit = (options: CalibrationOptions): number =>
  textLimit(options, JOINED_PER_TOKEN[options.sampling]);

interface Chosen {
  windows: Int32Array[];
  tokens: number;
}

async function readSome(
  files: readonly string[],
  options: CalibrationOptions,
): Promise<Document[]> {
  const { sampling, field, signal } = options;
  const plainTextLimit = joinedLimit(options);
  const limit =
    sampling === "sequential" ? plainTextLimit : textLimit(options, DOCUMENTS_PER_TOKEN);
  const documents: Document[] = [];
  let length = 0;
  for await (const document of readDocuments(files, { field, signal, plainTextLimit })) {
    documents.push(document);
    length += document.text.length + DOCUMENT_SEPARATOR.length;
    if (length >= limit) break;
  }
  return documents;
}

/** Null where fewer than `samples` documents are longer than `seqLen` tokens. */
async function fromDocuments(
  tokenizer: Tokenizer,
  documents: readonly Document[],
  samples: number,
  seqLen: number,
  random: SeededRandom,
  signal: AbortSignal | undefined,
): Promise<Chosen | null> {
  const windows: Int32Array[] = [];
  let tokens = 0;
  for (const { text } of random.shuffle([...documents])) {
    if (windows.length === samples) break;
    // Thousands of documents may be looked at: let a cancellation come through.
    await setImmediate();
    if (signal?.aborted) throw errors.cancelled();
    const ids = tokenizer.encode(text);
    if (ids.length <= seqLen) continue;
    tokens += ids.length;
    windows.push(cut(ids, random.integer(ids.length - seqLen + 1), seqLen));
  }
  return windows.length === samples ? { windows, tokens } : null;
}

function fromJoinedText(
  tokenizer: Tokenizer,
  files: readonly string[],
  documents: readonly Document[],
  options: CalibrationOptions,
  random: SeededRandom,
): Chosen {
  const { samples, seqLen, sampling } = options;
  const ids = tokenizer.encode(joinUpTo(documents, joinedLimit(options)));
  const needed = sampling === "sequential" ? samples * seqLen : seqLen;
  if (ids.length < needed) {
    const why =
      sampling === "sequential"
        ? `${samples} windows of ${seqLen} one after the other`
        : `one window of ${seqLen} to draw from`;
    throw errors.textTooShort(files, ids.length, needed, why);
  }
  const start = (i: number) =>
    sampling === "sequential" ? i * seqLen : random.integer(ids.length - seqLen + 1);
  const windows = Array.from({ length: samples }, (_, i) => cut(ids, start(i), seqLen));
  return { windows, tokens: ids.length };
}

/** Documents joined in order, no further document once `limit` UTF-16 units are reached. */
function joinUpTo(documents: readonly Document[], limit: number): string {
  const parts: string[] = [];
  let length = 0;
  for (const { text } of documents) {
    if (length >= limit) break;
    parts.push(text);
    length += text.length + DOCUMENT_SEPARATOR.length;
  }
  return parts.join(DOCUMENT_SEPARATOR);
}

const cut = (ids: readonly number[], start: number, length: number): Int32Array =>
  Int32Array.from(ids.slice(start, start + length));
