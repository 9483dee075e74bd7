/** A pruned matrix: what every method returns, and the step they all end with. */
import * as tf from "@tensorflow/tfjs-core";

export interface PrunedMatrix {
  /** `[out, in]`, exactly 0 where pruned; owned by the caller. */
  readonly weights: tf.Tensor2D;
  /** Weights deleted by the pattern (weights that were 0 anyway can make the matrix sparser). */
  readonly pruned: number;
}

/** `w` with zeros where `mask` is true. Not by multiplication: that would leave −0, and NaN where w is not finite. */
export function withZeros(w: tf.Tensor2D, mask: tf.Tensor2D): tf.Tensor2D {
  return tf.tidy(() => tf.where(mask, tf.zerosLike(w), w));
}
