/**
 * The entropy objective of DenoiseRotator (arXiv:2505.23049, eq. 5–7), with its gradient in closed form.
 *
 *     s_ij = w_ij² c_j          importance
 *     p    = s / S              S = the sum over the row (axis 1) or over the column (axis 0)
 *     E    = −Σ p ln p          summed over the rows (or columns); 0 · ln 0 = 0
 *
 *     ∂E/∂s = −(ln p + E_g) / S      E_g the entropy of the row or column that the entry belongs to
 *     ∂E/∂w = 2 w c ∂E/∂s            ∂E/∂c_j = Σ_i w_ij² ∂E/∂s_ij
 *
 * Along columns c_j cancels in p, so ∂E/∂c = 0 there. An entry of no importance pulls on nothing: its gradient
 * is taken as 0 (for w it is the limit, for c it is infinite).
 */
import * as tf from "@tensorflow/tfjs-core";
import { checkFactors, EMPTY_MASS, hasKernel, runFused, type ObjectiveValue } from "./dispatch.ts";

/**
 * @param w `[rows, cols]`
 * @param c `[cols]`, not negative
 * @param axis 1: each row is a distribution; 0: each column is
 */
export function entropyObjective(w: tf.Tensor2D, c: tf.Tensor1D, axis: 0 | 1): ObjectiveValue {
  checkFactors(w, c);
  if (hasKernel("entropy")) {
    const [loss, gradW, gradC] = runFused("entropy", { w, c }, { axis });
    return { loss: loss as tf.Scalar, gradW: gradW as tf.Tensor2D, gradC: gradC as tf.Tensor1D };
  }
  return tf.tidy(() => composed(w, c, axis));
}

function composed(w: tf.Tensor2D, c: tf.Tensor1D, axis: 0 | 1): ObjectiveValue {
  const w2 = tf.square(w);
  const s = tf.mul(w2, c);
  const sum = tf.sum(s, axis, true);
  const scale = tf.where(
    tf.greater(sum, EMPTY_MASS),
    tf.reciprocal(tf.maximum(sum, EMPTY_MASS)),
    tf.zerosLike(sum),
  );
  const p = tf.mul(s, scale);
  const counts = tf.greater(p, EMPTY_MASS);
  const log = tf.where(counts, tf.log(tf.maximum(p, EMPTY_MASS)), tf.zerosLike(p));
  const entropy = tf.neg(tf.sum(tf.mul(p, log), axis, true));
  const gradS = tf.where(counts, tf.mul(tf.neg(tf.add(log, entropy)), scale), tf.zerosLike(p));
  return {
    loss: tf.sum(entropy),
    gradW: tf.mul(tf.mul(w, tf.mul(c, 2)), gradS),
    gradC: axis === 0 ? tf.zerosLike(c) : tf.sum(tf.mul(w2, gradS), 0),
  };
}
