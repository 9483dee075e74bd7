/**
 * The search for a better grouping of columns (mathematics in method/regroup.ts) on a device that can: the pairs of a
 * round share no group, so all of them meet at once. Swap for swap what `openSwapSearch` finds on the host: sums are
 * taken in the same order.
 */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, runFused } from "./dispatch.ts";

/** One thread has a whole group at hand: of wider ones a device would need gigabytes for that, and seconds a round. */
const WIDEST = 32;

/** Whether {@link regroupedThere} can be called for groups of so many columns. */
export const hasRegroupKernel = (of: number): boolean => of <= WIDEST && hasKernel("regroup");

export interface RegroupSearch {
  /** Of N and M; M divides the columns. */
  readonly keep: number;
  readonly of: number;
  /** What a swap must gain. */
  readonly gain: number;
  /** Rounds to go, around and around through the turns of `pairs`. */
  readonly rounds: number;
}

/**
 * @param shares `[columns, rows]`, finite and not negative
 * @param pairs int32 `[turns, pairs, 2]`, the groups that meet; no group twice in one turn
 * @returns int32 `[columns]`: the column that should stand at each place
 */
export function regroupedThere(
  shares: tf.Tensor2D,
  pairs: tf.Tensor3D,
  search: RegroupSearch,
): tf.Tensor1D {
  const [columns] = shares.shape;
  const { keep, of } = search;
  tf.util.assert(
    keep > 0 && keep < of && columns % of === 0 && pairs.dtype === "int32" && pairs.shape[2] === 2,
    () => `${keep}:${of} and pairs [${pairs.shape.join()}] do not fit ${columns} columns`,
  );
  return runFused("regroup", { shares, pairs }, { ...search })[0] as tf.Tensor1D;
}
