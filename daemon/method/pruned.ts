/** The step that deleting by a mask ends with. */
import * as tf from "@tensorflow/tfjs-core";

/** `w` with zeros where `mask` is true. Not by multiplication: that would leave −0, and NaN where w is not finite. */
export function withZeros(w: tf.Tensor2D, mask: tf.Tensor2D): tf.Tensor2D {
  return tf.tidy(() => tf.where(mask, tf.zerosLike(w), w));
}
