/** How the values of a float tensor are spread over equal bins; zeros, which pruning makes, are left out. */
import type { Checkpoint, TensorEntry, TensorStatistics } from "../../checkpoint/index.ts";
import { cancelled } from "../errors.ts";

export interface Histogram {
  /** One more than counts; the last bin includes its right edge. */
  readonly edges: readonly number[];
  /** Finite values other than 0. */
  readonly counts: readonly number[];
}

const BINS = 20;
const CHUNK_ELEMENTS = 2 ** 20;

/** @returns null where no value is finite and not 0 */
export async function histogram(
  checkpoint: Checkpoint,
  entry: TensorEntry,
  { min, max, count, zeros, nan, inf }: TensorStatistics,
  signal: AbortSignal,
): Promise<Histogram | null> {
  if (min === null || max === null || zeros + nan + inf === count) return null;
  const counts = new Float64Array(BINS);
  const bins = BINS / (max - min || 1);
  const rows = entry.shape[0] ?? 1;
  const step = Math.max(1, Math.floor(CHUNK_ELEMENTS / (entry.elements / rows)));
  for (let rowStart = 0; rowStart < rows; rowStart += step) {
    if (signal.aborted) throw cancelled();
    const range = { rowStart, rowEnd: Math.min(rows, rowStart + step) };
    for (const value of await checkpoint.readFloats(entry.name, range)) {
      if (value === 0 || !Number.isFinite(value)) continue;
      const bin = Math.max(0, Math.min(BINS - 1, Math.floor((value - min) * bins)));
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
  }
  const edges = Array.from({ length: BINS + 1 }, (_, i) => min + ((max - min) * i) / BINS);
  return { edges, counts: [...counts] };
}
