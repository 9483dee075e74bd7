/** What regrouping looks at: of evenly spread rows, the share of its row's importance that each column holds. */
import * as tf from "@tensorflow/tfjs-core";
import { importance } from "./columnWeights.ts";
import type { Columns } from "./regroup.ts";

/** Rows looked at, at most: evenly spread ones stand for all … */
export const ROWS = 1024;
/** … and fewer of very wide matrices, shares in all. */
export const SHARES = 2 ** 23;

/** A matrix `[rows, columns]` with its column weights `[columns]`. */
export interface Weighted {
  readonly w: tf.Tensor2D;
  readonly c: tf.Tensor1D;
}

/** @param matrices that read the same input; their rows are taken together */
export async function columnShares(matrices: readonly Weighted[]): Promise<Columns> {
  const total = matrices.reduce((sum, { w }) => sum + w.shape[0], 0);
  const columns = matrices[0]?.w.shape[1] ?? 0;
  const stride = Math.max(1, total / Math.min(ROWS, Math.ceil(SHARES / columns)));
  const byColumn: tf.Tensor2D = tf.tidy(() => {
    const parts = matrices.map(({ w, c }) => {
      const [rows] = w.shape;
      const count = Math.ceil(rows / stride);
      const places = Int32Array.from({ length: count }, (_, i) => Math.floor(i * stride));
      const s = importance(count === rows ? w : tf.gather(w, tf.tensor1d(places, "int32")), c);
      return tf.div<tf.Tensor2D>(s, tf.maximum(tf.sum(s, 1, true), 1e-30));
    });
    return tf.transpose(tf.concat(parts, 0));
  });
  const shares = await byColumn.data<"float32">();
  const [, rows] = byColumn.shape;
  byColumn.dispose();
  return { shares, rows, columns };
}

/** Columns `first … first + count − 1` of each start, the rows of all starts one after the other. */
export function stackedColumns(
  { shares, rows }: Columns,
  starts: readonly number[],
  count: number,
): Columns {
  const stacked = new Float32Array(count * rows * starts.length);
  for (let j = 0; j < count; j++) {
    starts.forEach((start, k) => {
      const column = shares.subarray((start + j) * rows, (start + j + 1) * rows);
      stacked.set(column, (j * starts.length + k) * rows);
    });
  }
  return { shares: stacked, rows: rows * starts.length, columns: count };
}
