/**
 * `A + f · xᵀx` for a matrix A too large to be there three times (the sum, the product, their sum): a backend that can
 * adds into A's own memory, and the factor costs nothing where it goes into the product.
 */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, runFused } from "./dispatch.ts";

/**
 * @param factor f, not negative
 * @param sum `[n, n]`, taken over; nobody else may hold it, since its memory may be written to
 * @param x `[rows, n]`
 * @returns `sum + f · xᵀx`
 */
export function addGram(sum: tf.Tensor2D, x: tf.Tensor2D, factor = 1): tf.Tensor2D {
  const [n, columns] = [sum.shape[0], x.shape[1]];
  tf.util.assert(
    n === sum.shape[1] && n === columns,
    () => `sum [${sum.shape.join()}] and x [${x.shape.join()}] do not fit`,
  );
  const added = hasKernel("scaledGram")
    ? (runFused("scaledGram", { sum, x }, { factor })[0] as tf.Tensor2D)
    : // Scaled are the inputs, which are smaller than the sum.
      tf.tidy(() => plainGram(sum, factor === 1 ? x : tf.mul(x, Math.sqrt(factor))));
  sum.dispose();
  return added;
}

function plainGram(sum: tf.Tensor2D, x: tf.Tensor2D): tf.Tensor2D {
  if (hasKernel("gram")) return runFused("gram", { sum, x }, {})[0] as tf.Tensor2D;
  return tf.add(sum, tf.matMul(x, x, true, false));
}
