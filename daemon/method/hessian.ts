/**
 * The calibration Hessian of a linear layer's input, `H = 2/N · XᵀX` over N sequences (SparseGPT's scaling),
 * collected batch by batch so that X is never held.
 */
import * as tf from "@tensorflow/tfjs-core";

export interface HessianAccumulator {
  /** Adds the inputs of one batch, `[tokens, in]`. */
  add(x: tf.Tensor2D): void;
  /** `[in, in]` over `sequences` sequences; owned by the caller, the accumulator goes on. */
  result(sequences: number): tf.Tensor2D;
  dispose(): void;
}

export function createAccumulator(inputs: number): HessianAccumulator {
  let sum = tf.tidy(() => tf.keep(tf.zeros<tf.Rank.R2>([inputs, inputs])));
  return {
    add(x) {
      const next = tf.tidy(() => tf.keep(tf.add<tf.Tensor2D>(sum, tf.matMul(x, x, true, false))));
      sum.dispose();
      sum = next;
    },
    result: (sequences) => tf.mul(sum, 2 / sequences),
    dispose() {
      sum.dispose();
    },
  };
}

/**
 * Whether no entry is NaN or Inf. One scalar is read. By the sum of magnitudes: it carries NaN and Inf on every
 * backend, where `isNaN` may be optimised away by a shader compiler, and overflows only beyond any sane tensor.
 */
export async function allFinite(x: tf.Tensor): Promise<boolean> {
  const sum = tf.tidy(() => tf.sum(tf.abs(x)));
  const [value] = await sum.data();
  sum.dispose();
  return Number.isFinite(value);
}
