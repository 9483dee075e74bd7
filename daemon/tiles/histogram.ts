/** How the values of a float tensor are spread; zeros, which pruning makes, are left out. */
import type { Checkpoint, TensorStatistics } from "../checkpoint/index.ts";
import type { ValueHistogram } from "../protocol/checkpoints.ts";
import { eachRun, matrixOf } from "./matrix.ts";

const BINS = 64;

/** @returns null where no value is finite and not 0 */
export async function valueHistogram(
  checkpoint: Checkpoint,
  name: string,
  { min, max, count, zeros, nan, inf }: TensorStatistics,
  signal: AbortSignal,
): Promise<ValueHistogram | null> {
  if (min === null || max === null || zeros + nan + inf === count) return null;
  const matrix = matrixOf(checkpoint, name);
  const counts = new Array<number>(BINS).fill(0);
  const perUnit = BINS / (max - min || 1);
  const all = [
    [0, matrix.rows],
    [0, matrix.cols],
  ] as const;
  await eachRun(checkpoint, matrix, ...all, signal, (values) => {
    for (const value of values) {
      if (value === 0 || !Number.isFinite(value)) continue;
      // The largest value belongs to the last bin; float64 statistics may lie a rounding outside of float32 values.
      const bin = Math.max(0, Math.min(BINS - 1, Math.floor((value - min) * perUnit)));
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
  });
  return { min, max, counts };
}
