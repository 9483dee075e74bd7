/** Regrouping the columns of o: those of every key/value head among themselves, as one R2 can. */
import * as tf from "@tensorflow/tfjs-core";
import type { LayerShape } from "../vocabulary.ts";
import { stackedBlocks, stackedColumns } from "./columnShares.ts";
import { regroupedBlocks, regroupedColumns, type Columns } from "./regroup.ts";

/**
 * A head's column is what all query heads of its group make of it: their rows one after the other. A device searches all
 * heads at once, the host one by one; the swaps are the same.
 *
 * @param columns of o, by query head; borrowed
 * @param effort of all heads together; `pause` as of {@link regroupedColumns}
 * @returns for each place of `[kvHeads · headDim]` the column of its head that should stand there; null where M does not
 *   divide a head: its groups reach over heads and no R2 can reorder them
 */
export async function regroupedHeads(
  columns: Columns,
  { heads, kvHeads, headDim }: LayerShape,
  pattern: { readonly keep: number; readonly of: number },
  effort: number,
  pause: () => Promise<void>,
): Promise<Int32Array | null> {
  if (headDim % pattern.of !== 0) return null;
  const group = heads / kvHeads;
  const each = effort / kvHeads;
  if (columns instanceof tf.Tensor) {
    const stacked = stackedBlocks(columns, kvHeads, group);
    try {
      return await regroupedBlocks(stacked, kvHeads, pattern, each, pause);
    } finally {
      stacked.dispose();
    }
  }
  const order = new Int32Array(kvHeads * headDim);
  for (let k = 0; k < kvHeads; k++) {
    const starts = Array.from({ length: group }, (_, h) => (k * group + h) * headDim);
    const own = stackedColumns(columns, starts, headDim);
    const found = await regroupedColumns(own, pattern, each, pause);
    found.forEach((column, place) => (order[k * headDim + place] = k * headDim + column));
  }
  return order;
}
