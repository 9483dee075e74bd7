/**
 * A matrix made small for the eye: cells of mean importance on a log scale, cells of pruned share, and the histogram
 * of the paper's figure 2. Cells are pooled on the device, by two products with a matrix of means each; only cells
 * and a sample of the weights are read.
 */
import * as tf from "@tensorflow/tfjs-core";
import type { Histogram, Overview } from "../report.ts";

/** Importance of exactly zero has no logarithm; it is drawn as this far below the smallest positive cell. */
const ZERO_DECADES = 1;

/** Pools matrices to at most `cells × cells`. Holds a matrix that sums places into cells for each size it has met. */
export class Pooling {
  readonly #sums = new Map<number, tf.Tensor2D>();

  constructor(private readonly cells: number) {}

  /** Importance `[rows, cols]` → log10 of the cells' means. */
  async importance(s: tf.Tensor2D): Promise<Overview> {
    const { rows, cols, values } = await this.#cellMeans(s);
    let lowest = Infinity;
    for (const mean of values) if (mean > 0 && mean < lowest) lowest = mean;
    const floor = lowest === Infinity ? 0 : Math.log10(lowest) - ZERO_DECADES;
    const logs = values.map((mean) => (mean > 0 ? Math.log10(mean) : floor));
    return quantised(logs, rows, cols, "log10-importance");
  }

  /** @param zeros `[rows, cols]`, 1 where a weight is zero and 0 elsewhere */
  async mask(zeros: tf.Tensor2D): Promise<Overview> {
    const { rows, cols, values } = await this.#cellMeans(zeros);
    return quantised(values, rows, cols, "pruned-fraction");
  }

  dispose(): void {
    tf.dispose([...this.#sums.values()]);
    this.#sums.clear();
  }

  /** Divided on the host, so that cells of equal counts have equal means to the last bit. */
  async #cellMeans(x: tf.Tensor2D) {
    const [byRow, byCol] = x.shape.map((n) => this.#sumsOf(n)) as [tf.Tensor2D, tf.Tensor2D];
    const pooled = tf.tidy(() => tf.matMul<tf.Tensor2D>(tf.matMul(byRow, x), byCol, false, true));
    const [rows, cols] = pooled.shape;
    const values = Float64Array.from(await pooled.data());
    pooled.dispose();
    const height = (r: number) => firstOf(r + 1, rows, x.shape[0]) - firstOf(r, rows, x.shape[0]);
    const width = (c: number) => firstOf(c + 1, cols, x.shape[1]) - firstOf(c, cols, x.shape[1]);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < cols; c++) {
        const at = r * cols + c;
        values[at] = (values[at] ?? NaN) / (height(r) * width(c));
      }
    }
    return { rows, cols, values };
  }

  /** `[cells, n]`, 1 where place i belongs to cell c: `floor(i · cells / n) = c`. */
  #sumsOf(n: number): tf.Tensor2D {
    const known = this.#sums.get(n);
    if (known) return known;
    const cells = Math.min(n, this.cells);
    const values = new Float32Array(cells * n);
    for (let c = 0; c < cells; c++) {
      values.fill(1, c * n + firstOf(c, cells, n), c * n + firstOf(c + 1, cells, n));
    }
    const sums = tf.tensor2d(values, [cells, n]);
    this.#sums.set(n, sums);
    return sums;
  }
}

/** The first of `n` places that belongs to cell `c` of `cells`. */
const firstOf = (c: number, cells: number, n: number): number => Math.ceil((c * n) / cells);

function quantised(
  values: Float64Array,
  rows: number,
  cols: number,
  unit: Overview["unit"],
): Overview {
  let [min, max] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const scale = max > min ? 255 / (max - min) : 0;
  const bytes = new Uint8Array(values.length);
  // By index: `from` makes an object of every value first.
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.round(((values[i] ?? NaN) - min) * scale);
  return { rows, cols, unit, min, max, data: Buffer.from(bytes).toString("base64") };
}

/** Weights that a histogram looks at, at most: rows of a larger matrix are sampled. */
export const SAMPLE = 2 ** 18;

/** The matrix itself where it is small, else evenly spread rows of it; the caller owns the result. */
export function sampledRows(x: tf.Tensor2D): tf.Tensor2D {
  const [rows, cols] = x.shape;
  const count = Math.max(1, Math.floor(SAMPLE / cols));
  if (count >= rows) return x.clone();
  const places = Int32Array.from({ length: count }, (_, i) =>
    Math.floor(((i + 0.5) * rows) / count),
  );
  return tf.tidy(() => tf.gather(x, tf.tensor1d(places, "int32")));
}

const BINS = 48;
/** Decades shown below the largest importance; what is smaller falls into the first bin. */
const DECADES = 8;

/**
 * @param importance one value per weight
 * @param pruned of the same length, not 0 where the weight is deleted
 */
export function importanceHistogram(
  importance: Float32Array,
  pruned: ArrayLike<number>,
): Histogram {
  let top = 0;
  for (const s of importance) if (s > top) top = s;
  const max = top > 0 ? Math.log10(top) : 0;
  const min = max - DECADES;
  const counts = [new Array<number>(BINS).fill(0), new Array<number>(BINS).fill(0)] as const;
  for (let i = 0; i < importance.length; i++) {
    const s = importance[i] ?? 0;
    const at = s > 0 ? Math.floor(((Math.log10(s) - min) / DECADES) * BINS) : 0;
    const bin = Math.min(BINS - 1, Math.max(0, at));
    const side = counts[pruned[i] === 0 ? 0 : 1];
    side[bin] = (side[bin] ?? 0) + 1;
  }
  return { min, max, kept: counts[0], pruned: counts[1] };
}
