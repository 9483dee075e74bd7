/** What a quadratic form on every column needs: `u_j = [AᵀB]_jj`, and columns that are scaled and added. */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, runFused } from "./dispatch.ts";

/**
 * The dot product of each column of a with the same column of b.
 *
 * @param a, b `[n, n]` or stacks `[blocks, n, n]`
 * @returns `[…, 1, n]`
 */
export function columnDots<T extends tf.Tensor>(a: T, b: T): tf.Tensor {
  tf.util.assertShapesMatch(a.shape, b.shape, "The columns do not fit: ");
  return tf.tidy(() => {
    const [dots] = hasKernel("columnDots") ? runFused("columnDots", { a, b }, {}) : [];
    if (dots !== undefined) return dots;
    const [rows = 1] = a.shape.slice(-2);
    // As a product, since wasm transposes before it sums over rows.
    return tf.matMul(tf.ones([...a.shape.slice(0, -2), 1, rows]), tf.mul(a, b));
  });
}

/**
 * `sum + M diag(g)`; a backend that can adds into sum's own memory.
 *
 * @param sum `[n, n]` or `[blocks, n, n]`, taken over; nobody else may hold it, since its memory may be written to
 * @param m as sum
 * @param g `[…, 1, n]`
 */
export function addScaledColumns<T extends tf.Tensor>(sum: T, m: T, g: tf.Tensor): T {
  tf.util.assertShapesMatch(sum.shape, m.shape, "The sum does not fit the columns: ");
  const scales = [...m.shape.slice(0, -2), 1, ...m.shape.slice(-1)];
  tf.util.assertShapesMatch(g.shape, scales, "The scales do not fit the columns: ");
  const added = hasKernel("addScaledColumns")
    ? (runFused("addScaledColumns", { sum, m, g }, {})[0] as T)
    : tf.tidy(() => tf.add<T>(sum, tf.mul(m, g)));
  sum.dispose();
  return added;
}
