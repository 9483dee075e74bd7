/** What regrouping looks at: of evenly spread rows, the share of its row's importance that each column holds. */
import * as tf from "@tensorflow/tfjs-core";
import { hasRegroupKernel, type SwapColumns } from "../backend/index.ts";
import { importance } from "./columnWeights.ts";
import type { Columns } from "./regroup.ts";

/** Rows looked at, at most: evenly spread ones stand for all … */
export const ROWS = 1024;
/** … and fewer of very wide matrices, shares in all. */
export const SHARES = 2 ** 23;

/** A matrix `[rows, columns]` with its column weights `[columns]`. */
export interface Weighted {
  readonly shape: readonly [rows: number, columns: number];
  /** Makes it, within a `tf.tidy`: only one of them is there at a time. */
  readonly w: () => tf.Tensor2D;
  readonly c: tf.Tensor1D;
}

/**
 * On the device where the search runs there, else on the host; `disposeColumns` afterwards.
 * @param matrices that read the same input; their rows are taken together
 * @param of columns of a group
 */
export async function columnShares(matrices: readonly Weighted[], of: number): Promise<Columns> {
  const total = matrices.reduce((sum, { shape }) => sum + shape[0], 0);
  const columns = matrices[0]?.shape[1] ?? 0;
  const stride = Math.max(1, total / Math.min(ROWS, Math.ceil(SHARES / columns)));
  const byColumn: tf.Tensor2D = tf.tidy(() => {
    const parts = matrices.map(({ shape: [rows], w, c }) =>
      tf.tidy(() => {
        const count = Math.ceil(rows / stride);
        const places = Int32Array.from({ length: count }, (_, i) => Math.floor(i * stride));
        const whole = w();
        const some = count === rows ? whole : tf.gather(whole, tf.tensor1d(places, "int32"));
        const s = importance(some, c);
        return tf.div<tf.Tensor2D>(s, tf.maximum(tf.sum(s, 1, true), 1e-30));
      }),
    );
    return tf.transpose(tf.concat(parts, 0));
  });
  if (hasRegroupKernel(of)) return byColumn;
  const shares = await byColumn.data<"float32">();
  const [, rows] = byColumn.shape;
  byColumn.dispose();
  return { shares, rows, columns };
}

/** Columns `first … first + count − 1` of each start, the rows of all starts one after the other. */
export function stackedColumns(
  { shares, rows }: SwapColumns,
  starts: readonly number[],
  count: number,
): SwapColumns {
  const stacked = new Float32Array(count * rows * starts.length);
  for (let j = 0; j < count; j++) {
    starts.forEach((start, k) => {
      const column = shares.subarray((start + j) * rows, (start + j + 1) * rows);
      stacked.set(column, (j * starts.length + k) * rows);
    });
  }
  return { shares: stacked, rows: rows * starts.length, columns: count };
}

/**
 * The same of `blocks · times` equal parts of the columns on a device, every `times` of them stacked.
 *
 * @returns `[blocks · count, times · rows]`
 */
export function stackedBlocks(columns: tf.Tensor2D, blocks: number, times: number): tf.Tensor2D {
  const [all, rows] = columns.shape;
  const count = all / (blocks * times);
  return tf.tidy(() => {
    const byPart = tf.reshape(columns, [blocks, times, count, rows]);
    return tf.reshape(tf.transpose(byPart, [0, 2, 1, 3]), [blocks * count, times * rows]);
  });
}
