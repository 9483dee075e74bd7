/**
 * The calibration Hessian of a linear layer's input, `H = 2/N · XᵀX` over N sequences (SparseGPT's scaling),
 * collected batch by batch so that X is never held.
 */
import * as tf from "@tensorflow/tfjs-core";
import { addGram } from "../backend/index.ts";
import { diagonalOf } from "./linalg/index.ts";

export interface HessianAccumulator {
  /** Adds the inputs of one batch, `[tokens, in]`. */
  add(x: tf.Tensor2D): void;
  /** Resolves when all that was added so far is computed. */
  computed(): Promise<void>;
  /** The Hessian `[in, in]`, handed over to the caller; the accumulator is at its end. */
  take(): tf.Tensor2D;
  /** Does nothing after {@link take}. */
  dispose(): void;
}

/**
 * @param inputs size of the input
 * @param sequences N, how many sequences the batches hold together
 */
export function createAccumulator(inputs: number, sequences: number): HessianAccumulator {
  let sum: tf.Tensor2D | null = tf.fill<tf.Rank.R2>([inputs, inputs], 0);
  const open = (): tf.Tensor2D => {
    if (!sum) throw new RangeError("the Hessian was taken already");
    return sum;
  };
  return {
    add(x) {
      const before = open();
      sum = tf.tidy(() => tf.keep(addGram(before, x, 2 / sequences)));
    },
    async computed() {
      const entry = tf.slice(open(), [0, 0], [1, 1]);
      try {
        await entry.data();
      } finally {
        entry.dispose();
      }
    },
    take() {
      // The sum itself is kept, whatever fails from here on.
      const result = open().clone();
      this.dispose();
      return result;
    },
    dispose() {
      sum?.dispose();
      sum = null;
    },
  };
}

/**
 * Whether no entry of a Hessian is NaN or Inf, told by its diagonal: an input that is not finite makes its own entry
 * there, a sum of squares, not finite either, and no other entry can be larger than the two that it lies between.
 */
export async function isFiniteHessian(h: tf.Tensor2D): Promise<boolean> {
  const diagonal = diagonalOf(h);
  const values = await diagonal.data<"float32">();
  diagonal.dispose();
  return values.every(Number.isFinite);
}
