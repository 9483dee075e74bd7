/**
 * `A + xᵀx` for a matrix A too large to be there three times (the sum, the product, their sum): a backend that can
 * adds into A's own memory.
 */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, runFused } from "./dispatch.ts";

/**
 * @param sum `[n, n]`, taken over; nobody else may hold it, since its memory may be written to
 * @param x `[rows, n]`
 * @returns `sum + xᵀx`
 */
export function addGram(sum: tf.Tensor2D, x: tf.Tensor2D): tf.Tensor2D {
  const [n, columns] = [sum.shape[0], x.shape[1]];
  tf.util.assert(
    n === sum.shape[1] && n === columns,
    () => `sum [${sum.shape.join()}] and x [${x.shape.join()}] do not fit`,
  );
  const added = hasKernel("gram")
    ? (runFused("gram", { sum, x }, {})[0] as tf.Tensor2D)
    : tf.tidy(() => tf.add<tf.Tensor2D>(sum, tf.matMul(x, x, true, false)));
  sum.dispose();
  return added;
}
