/**
 * The share of each row's importance that a pattern would delete, and its gradient in closed form.
 *
 *     s_ij = w_ij² c_j
 *     L_i  = Σ_{j pruned} s_ij,  S_i = Σ_j s_ij
 *     f    = Σ_i L_i / S_i
 *
 *     ∂f/∂s_ij = (m_ij − L_i/S_i) / S_i     m_ij = 1 where pruned; the choice is held constant (it is piecewise)
 *     ∂f/∂w    = 2 w c ∂f/∂s                ∂f/∂c_j = Σ_i w_ij² ∂f/∂s_ij
 */
import * as tf from "@tensorflow/tfjs-core";
import type { Pattern } from "../../vocabulary.ts";
import {
  checkFactors,
  checkSelection,
  EMPTY_MASS,
  hasKernel,
  rowSelection,
  runFused,
  type ObjectiveValue,
  type Selection,
} from "./dispatch.ts";
import { selectLowest } from "./selectLowest.ts";

/**
 * @param w `[rows, cols]`
 * @param c `[cols]`, not negative
 * @param pattern per row: the lowest `of − keep` of every `of` consecutive columns (`of` divides `cols`), or the
 *   lowest `floor(share · cols)`; of equal importances the lower column goes first
 */
export function prunedMassObjective(
  w: tf.Tensor2D,
  c: tf.Tensor1D,
  pattern: Pattern,
): ObjectiveValue {
  const select = rowSelection(pattern, w.shape[1]);
  checkFactors(w, c);
  checkSelection(select, w.shape[1]);
  if (hasKernel("prunedMass")) {
    const [loss, gradW, gradC] = runFused("prunedMass", { w, c }, { ...select });
    return { loss: loss as tf.Scalar, gradW: gradW as tf.Tensor2D, gradC: gradC as tf.Tensor1D };
  }
  return tf.tidy(() => composed(w, c, select));
}

function composed(w: tf.Tensor2D, c: tf.Tensor1D, select: Selection): ObjectiveValue {
  const w2 = tf.square(w);
  const s = tf.mul<tf.Tensor2D>(w2, c);
  const sum = tf.sum(s, 1, true);
  const scale = tf.where(
    tf.greater(sum, EMPTY_MASS),
    tf.reciprocal(tf.maximum(sum, EMPTY_MASS)),
    tf.zerosLike(sum),
  );
  const pruned = tf.cast(selectLowest(s, select), "float32");
  const share = tf.mul(tf.sum(tf.mul(s, pruned), 1, true), scale);
  const gradS = tf.mul(tf.sub(pruned, share), scale);
  return {
    loss: tf.sum(share),
    gradW: tf.mul(tf.mul(w, tf.mul(c, 2)), gradS),
    gradC: tf.sum(tf.mul(w2, gradS), 0),
  };
}
