/** Windows are computed in batches, whose size no machine decides. */
import { allOrNothing } from "../backend/index.ts";

/**
 * Windows of a batch: as many as keep the largest intermediate (FFN hidden state, or the scores of one block of
 * queries) within 8 MiB. A function of the shapes alone, so that a resumed run repeats the same arithmetic.
 */
export function windowsPerBatch(shape: {
  seqLen: number;
  ffn: number;
  d: number;
  heads: number;
}): number {
  const hidden = shape.seqLen * Math.max(shape.ffn, shape.d);
  const scores = shape.heads * Math.min(shape.seqLen, 256) * shape.seqLen;
  return Math.max(1, Math.floor((2 << 20) / Math.max(hidden, scores)));
}

/**
 * Calls `work` for each batch of windows, with a turn of the event loop between so that a cancel is seen. Each is a
 * stretch by itself: a pass of many thousand batches is not remembered tensor by tensor.
 */
export async function eachBatch(
  windows: number,
  perBatch: number,
  signal: AbortSignal,
  work: (from: number, count: number) => Promise<void>,
): Promise<void> {
  for (let from = 0; from < windows; from += perBatch) {
    await new Promise(setImmediate);
    signal.throwIfAborted();
    await allOrNothing(() => work(from, Math.min(perBatch, windows - from)));
  }
}
