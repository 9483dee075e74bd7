/**
 * A matrix made small for the eye: cells of mean importance on a log scale, cells of pruned share, and the histogram
 * of the paper's figure 2. Pure functions on host arrays, one pass over each matrix.
 */
import type { Histogram, Overview } from "../report.ts";

/** Importance of exactly zero has no logarithm; it is drawn as this far below the smallest positive cell. */
const ZERO_DECADES = 1;

/** Row-major `[rows, cols]` importance → at most `cells × cells` values of log10(mean). */
export function importanceOverview(
  importance: Float32Array,
  rows: number,
  cols: number,
  cells: number,
): Overview {
  const means = cellMeans(rows, cols, cells, (i) => importance[i] ?? 0);
  let lowest = Infinity;
  for (const mean of means.values) if (mean > 0 && mean < lowest) lowest = mean;
  const floor = lowest === Infinity ? 0 : Math.log10(lowest) - ZERO_DECADES;
  const logs = means.values.map((mean) => (mean > 0 ? Math.log10(mean) : floor));
  return quantised(logs, means.rows, means.cols, "log10-importance");
}

/** Fraction of exactly zero weights of each cell. */
export function maskOverview(
  weights: Float32Array,
  rows: number,
  cols: number,
  cells: number,
): Overview {
  const means = cellMeans(rows, cols, cells, (i) => (weights[i] === 0 ? 1 : 0));
  return quantised(means.values, means.rows, means.cols, "pruned-fraction");
}

function cellMeans(rows: number, cols: number, cells: number, valueAt: (i: number) => number) {
  const outRows = Math.min(rows, cells);
  const outCols = Math.min(cols, cells);
  const sums = new Float64Array(outRows * outCols);
  const counts = new Float64Array(outRows * outCols);
  const cellOfCol = Uint32Array.from({ length: cols }, (_, c) => Math.floor((c * outCols) / cols));
  for (let r = 0; r < rows; r++) {
    const base = Math.floor((r * outRows) / rows) * outCols;
    for (let c = 0; c < cols; c++) {
      const cell = base + (cellOfCol[c] ?? 0);
      sums[cell] = (sums[cell] ?? 0) + valueAt(r * cols + c);
      counts[cell] = (counts[cell] ?? 0) + 1;
    }
  }
  return { rows: outRows, cols: outCols, values: sums.map((sum, i) => sum / (counts[i] ?? 1)) };
}

function quantised(
  values: Float64Array,
  rows: number,
  cols: number,
  unit: Overview["unit"],
): Overview {
  const min = values.reduce((a, b) => Math.min(a, b), Infinity);
  const max = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const scale = max > min ? 255 / (max - min) : 0;
  const bytes = Uint8Array.from(values, (v) => Math.round((v - min) * scale));
  return { rows, cols, unit, min, max, data: Buffer.from(bytes).toString("base64") };
}

const BINS = 48;
/** Decades shown below the largest importance; what is smaller falls into the first bin. */
const DECADES = 8;

/**
 * @param importance one value per weight
 * @param isPruned whether weight i is deleted
 */
export function importanceHistogram(
  importance: Float32Array,
  isPruned: (i: number) => boolean,
): Histogram {
  const top = importance.reduce((a, b) => Math.max(a, b), 0);
  const max = top > 0 ? Math.log10(top) : 0;
  const min = max - DECADES;
  const kept = new Array<number>(BINS).fill(0);
  const pruned = new Array<number>(BINS).fill(0);
  for (const [i, s] of importance.entries()) {
    const at = s > 0 ? Math.floor(((Math.log10(s) - min) / DECADES) * BINS) : 0;
    const bin = Math.min(BINS - 1, Math.max(0, at));
    const side = isPruned(i) ? pruned : kept;
    side[bin] = (side[bin] ?? 0) + 1;
  }
  return { min, max, kept, pruned };
}
