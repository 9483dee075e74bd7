/** Which sequences the model reads together when continuations are scored. */
import { windowsPerBatch } from "./batches.ts";

/** One request: how likely are `targets` after what is read before them? */
export interface Continuation {
  readonly input: Int32Array;
  /** Predicted by the last `targets.length` positions of `input`; at least one, at most `input.length`. */
  readonly targets: Int32Array;
}

/** What the model reads, for one request or several. */
export interface Sequence {
  readonly input: Int32Array;
  /** Numbers of the requests. */
  readonly requests: readonly number[];
}

export interface Batch {
  readonly sequences: readonly Sequence[];
  /** Length of the longest; the others are padded to it. */
  readonly seqLen: number;
  /** Tokens of the batches before it in the same chunk. */
  readonly start: number;
}

export interface BatchOptions {
  readonly shape: { readonly d: number; readonly ffn: number; readonly heads: number };
  /** Tokens of a batch, padding included; unless given, {@link windowsPerBatch} decides. */
  readonly batchTokens: number | undefined;
  /** Tokens of a chunk. */
  readonly maxTokens: number;
}

/**
 * Requests that read the same become one sequence: continuations of one token each after the same context do, since
 * the last token is not read.
 */
export function uniqueSequences(requests: readonly Continuation[]): Sequence[] {
  const byInput = new Map<string, { input: Int32Array; requests: number[] }>();
  for (const [number, { input }] of requests.entries()) {
    const key = input.join();
    const known = byInput.get(key);
    if (known) known.requests.push(number);
    else byInput.set(key, { input, requests: [number] });
  }
  return [...byInput.values()];
}

/**
 * Batches of sequences of about the same length, longest first, so that memory is asked for at the start; in chunks
 * of at most `maxTokens`, or of one batch that is larger.
 */
export function planBatches(
  sequences: readonly Sequence[],
  { shape, batchTokens, maxTokens }: BatchOptions,
): Batch[][] {
  const sorted = sequences.toSorted((a, b) => b.input.length - a.input.length);
  const chunks: Batch[][] = [];
  let chunk: Batch[] = [];
  let start = 0;
  for (let from = 0; from < sorted.length;) {
    const seqLen = sorted[from]?.input.length ?? 0;
    const rows =
      batchTokens === undefined
        ? windowsPerBatch({ seqLen, ...shape })
        : Math.max(1, Math.floor(batchTokens / seqLen));
    const members = sorted.slice(from, from + rows);
    const tokens = members.length * seqLen;
    if (chunk.length > 0 && start + tokens > maxTokens) {
      chunks.push(chunk);
      [chunk, start] = [[], 0];
    }
    chunk.push({ sequences: members, seqLen, start });
    start += tokens;
    from += rows;
  }
  if (chunk.length > 0) chunks.push(chunk);
  return chunks;
}
