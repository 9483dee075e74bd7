/** Evaluation windows: what perplexity is measured on, cut as the field cuts them. */
import { fingerprint, type SourceFile } from "./bytes.ts";
import { DOCUMENT_SEPARATOR } from "./calibration.ts";
import { DOCUMENT_LIMIT, readDocuments } from "./documents.ts";
import * as errors from "./errors.ts";
import type { Tokenizer } from "./tokenizer.ts";

export interface EvaluationOptions {
  /** Tokens per window. */
  readonly seqLen: number;
  /** Only the first so many windows; all unless given. */
  readonly maxWindows?: number | undefined;
  /** JSON field or Parquet column of the text; `text` unless given. */
  readonly field?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface EvaluationSet {
  /** Windows of `seqLen` ids, each to be scored on its own, its first token being context only. */
  readonly windows: Int32Array[];
  /** Tokens scored: `windows.length · (seqLen − 1)`. */
  readonly tokens: number;
  readonly seqLen: number;
  /** SHA-256 of the bytes of the files, one after the other. */
  readonly textSha256: string;
  readonly files: readonly SourceFile[];
}

/**
 * The whole text, several documents joined by a blank line, tokenised once with the special tokens once; windows of
 * `seqLen` that do not overlap, from the start; the remainder is dropped. So do SparseGPT, Wanda and the paper.
 *
 * @throws text/too-short where not one window fits, text/document-too-large, and the errors of {@link readDocuments}
 */
export async function evaluationWindows(
  tokenizer: Tokenizer,
  files: string | readonly string[],
  { seqLen, maxWindows = Infinity, field, signal }: EvaluationOptions,
): Promise<EvaluationSet> {
  const paths = typeof files === "string" ? [files] : files;
  const parts: string[] = [];
  let length = 0;
  for await (const { text, source } of readDocuments(paths, { field, signal })) {
    parts.push(text);
    length += text.length + DOCUMENT_SEPARATOR.length;
    if (length > DOCUMENT_LIMIT) throw errors.documentTooLarge(source, DOCUMENT_LIMIT);
  }

  const ids = tokenizer.encode(parts.join(DOCUMENT_SEPARATOR));
  const count = Math.min(Math.floor(ids.length / seqLen), maxWindows);
  if (count === 0) throw errors.textTooShort(paths, ids.length, seqLen, "one window");
  const windows = Array.from({ length: count }, (_, i) =>
    Int32Array.from(ids.slice(i * seqLen, (i + 1) * seqLen)),
  );

  const { files: read, sha256 } = await fingerprint(paths, signal);
  return { windows, tokens: count * (seqLen - 1), seqLen, textSha256: sha256, files: read };
}
