/**
 * Where a device has a Cholesky factorisation of its own: `A = V Vᵀ` with V upper, and `U = V⁻¹`, so that
 * `A⁻¹ = UᵀU`. `daemon/method/linalg` composes the same of products and small panels on the host.
 */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, runFused } from "./dispatch.ts";

export function hasInverseFactor(): boolean {
  return hasKernel("inverseFactor");
}

/**
 * @param a `[n, n]`, symmetric
 * @param shift n numbers, added to the diagonal
 * @param handedOver whether `a` is the caller's to give: a factor may then be made in its memory, and only the handle
 *   is left to be disposed. It is as it was where there is no factor
 * @returns U `[n, n]`, owned by the caller; undefined when the shifted matrix is not positive definite
 */
export async function nativeInverseFactor(
  a: tf.Tensor2D,
  shift: ArrayLike<number>,
  handedOver = false,
): Promise<tf.Tensor2D | undefined> {
  const [n, columns] = a.shape;
  tf.util.assert(
    n === columns && n === shift.length,
    () => `a [${a.shape.join()}] and a shift of ${shift.length} do not fit`,
  );
  const onDiagonal = tf.tensor1d(Float32Array.from(shift));
  const [factor, failed] = runFused(
    "inverseFactor",
    { a, shift: onDiagonal },
    { inPlace: handedOver },
  ) as [tf.Tensor2D, tf.Scalar];
  onDiagonal.dispose();
  const [wrong] = await failed.data();
  failed.dispose();
  if (wrong === 0) return factor;
  factor.dispose();
  return undefined;
}
