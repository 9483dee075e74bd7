/**
 * The inner loop of SparseGPT (arXiv:2301.00774, algorithm 1) on one block of `b` columns.
 *
 * Column by column, left to right: a weight that goes leaves the error e = w / u_ii, and the columns to its right
 * in the block take it over, w_k ← w_k − e u_ik, where H⁻¹ = UᵀU with U upper triangular. For N:M the choice is
 * made when a group is reached, on weights that already carry the earlier columns' errors, by score w² / u_ii².
 * The columns after the block are the caller's: `W[:, after] −= errors · U[block, after]`.
 */
import * as tf from "@tensorflow/tfjs-core";
import { checkSelection, hasKernel, runFused } from "./dispatch.ts";
import { selectLowest } from "./selectLowest.ts";

export type BlockSelection =
  | { readonly kind: "nm"; readonly keep: number; readonly of: number }
  /** `mask [rows, b]`, bool, true = pruned; chosen by the caller for the whole block. */
  | { readonly kind: "mask"; readonly mask: tf.Tensor2D };

export interface PrunedBlock extends tf.NamedTensorMap {
  /** `[rows, b]`, exactly 0 where pruned */
  readonly weights: tf.Tensor2D;
  /** `[rows, b]`, e of each weight; 0 where kept */
  readonly errors: tf.Tensor2D;
}

/**
 * @param w `[rows, b]`; for `nm`, `of` divides `b`
 * @param u `[b, b]`, the block of U on the diagonal
 */
export function sparsegptBlock(
  w: tf.Tensor2D,
  u: tf.Tensor2D,
  select: BlockSelection,
): PrunedBlock {
  const b = w.shape[1];
  tf.util.assert(
    u.shape[0] === b && u.shape[1] === b,
    () => `u is [${u.shape.join()}], not [${b},${b}]`,
  );
  if (select.kind === "nm") checkSelection(select, b);
  else tf.util.assertShapesMatch(select.mask.shape, w.shape, "The mask does not fit the weights: ");
  if (hasKernel("sparsegptBlock")) {
    const [weights, errors] =
      select.kind === "nm"
        ? runFused("sparsegptBlock", { w, u }, { ...select })
        : runFused("sparsegptBlock", { w, u, mask: select.mask }, {});
    return { weights: weights as tf.Tensor2D, errors: errors as tf.Tensor2D };
  }
  return tf.tidy(() => composed(w, u, select));
}

function composed(w: tf.Tensor2D, u: tf.Tensor2D, select: BlockSelection): PrunedBlock {
  const [rows, b] = w.shape;
  const of = select.kind === "nm" ? select.of : b;
  const diagonal = tf.sum(tf.mul(u, tf.eye(b)), 0);
  const weights: tf.Tensor2D[] = [];
  const errors: tf.Tensor2D[] = [];
  /** Columns not yet reached, `[rows, b − i]`. */
  let rest = w;
  let mask = select.kind === "mask" ? select.mask : tf.zeros<tf.Rank.R2>([rows, of], "bool");

  for (let i = 0; i < b; i++) {
    if (select.kind === "nm" && i % of === 0) {
      const score = tf.square(
        tf.div(tf.slice(rest, [0, 0], [rows, of]), tf.slice(diagonal, i, of)),
      );
      mask = selectLowest(score as tf.Tensor2D, select);
    }
    const column = tf.slice(rest, [0, 0], [rows, 1]);
    const pruned = tf.slice(mask, [0, i % of], [rows, 1]);
    const zero = tf.zerosLike(column);
    const error = tf.div<tf.Tensor2D>(tf.where(pruned, column, zero), tf.slice(diagonal, i, 1));
    weights.push(tf.where(pruned, zero, column));
    errors.push(error);
    if (i + 1 < b) {
      const later = tf.slice(u, [i, i + 1], [1, b - i - 1]);
      rest = tf.sub(tf.slice(rest, [0, 1], [rows, b - i - 1]), tf.matMul(error, later));
    }
  }
  return { weights: tf.concat(weights, 1), errors: tf.concat(errors, 1) };
}
