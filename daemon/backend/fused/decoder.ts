/** What a decoder layer does between its products: RMSNorm, rotary positions, SwiGLU. */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, runFused } from "./dispatch.ts";

/** `x / sqrt(mean(x²) + eps) · gain` over the last dimension (Zhang & Sennrich 2019). */
export function rmsNorm<T extends tf.Tensor>(x: T, gain: tf.Tensor1D, eps: number): T {
  tf.util.assert(
    x.shape.at(-1) === gain.size,
    () => `x [${x.shape.join()}] does not fit a gain of ${gain.size}`,
  );
  if (hasKernel("rmsNorm")) return runFused("rmsNorm", { x, gain }, { eps })[0] as T;
  return tf.tidy(() => {
    const scale = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), eps));
    return tf.mul(tf.mul(x, scale), gain);
  });
}

/** `cos` and `sin` of position × frequency, each `[T, 1, hd/2]`: broadcast over batch and heads. */
export interface RopeTable {
  readonly cos: tf.Tensor3D;
  readonly sin: tf.Tensor3D;
}

/** Rotates every head of `x [B, T, heads, hd]` by its position's angles; dimension i pairs with i + hd/2. */
export function applyRope(x: tf.Tensor4D, { cos, sin }: RopeTable): tf.Tensor4D {
  const [, T, , headDim] = x.shape;
  const table = [T, 1, headDim / 2];
  tf.util.assertShapesMatch(cos.shape, table, "The cosines do not fit the heads: ");
  tf.util.assertShapesMatch(sin.shape, table, "The sines do not fit the heads: ");
  if (hasKernel("rope")) return runFused("rope", { x, cos, sin }, {})[0] as tf.Tensor4D;
  return tf.tidy(() => {
    const [first, second] = tf.split(x, 2, 3) as [tf.Tensor4D, tf.Tensor4D];
    return tf.concat(
      [
        tf.sub(tf.mul(first, cos), tf.mul(second, sin)),
        tf.add(tf.mul(second, cos), tf.mul(first, sin)),
      ],
      3,
    );
  });
}

/**
 * `silu(gate) · up`, elementwise (Shazeer 2020): the largest activations of a layer.
 * @param gate taken over; its memory is written to where nobody else holds it
 */
export function swiglu(gate: tf.Tensor2D, up: tf.Tensor2D): tf.Tensor2D {
  tf.util.assertShapesMatch(gate.shape, up.shape, "Gate and up do not fit: ");
  const hidden = hasKernel("swiglu")
    ? (runFused("swiglu", { gate, up }, {})[0] as tf.Tensor2D)
    : tf.tidy(() => {
        const silu = tf.tidy(() => tf.mul(gate, tf.sigmoid(gate)));
        return tf.mul<tf.Tensor2D>(silu, up);
      });
  gate.dispose();
  return hidden;
}
