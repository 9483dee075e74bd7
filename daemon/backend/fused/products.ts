/**
 * Matrix products with a claim: on the memory of a sum, on the accuracy of float32, or on none because the result only
 * guides a search.
 */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, runFused } from "./dispatch.ts";

/**
 * `op(a) op(b)` for losses and gradients that a search follows and nobody keeps: a device may round the operands of
 * large products to bfloat16, the sums stay float32. Whatever the search ends with is measured by accurate products.
 *
 * @param a, b matrices
 */
export function searchProduct(
  a: tf.Tensor2D,
  b: tf.Tensor2D,
  transposeA = false,
  transposeB = false,
): tf.Tensor2D {
  if (!hasKernel("searchProduct")) return tf.matMul(a, b, transposeA, transposeB);
  productShape(a, b, transposeA, transposeB);
  return runFused("searchProduct", { a, b }, { transposeA, transposeB })[0] as tf.Tensor2D;
}

/** Brings a matrix to the GPU that computes now, as search products there will want it: before they are queued. */
export function bringSearchOperand(x: tf.Tensor2D): void {
  if (hasKernel("searchOperand")) runFused("searchOperand", { x }, {});
}

/** What a TensorFlow.js backend offers that keeps operands of search products rounded, as long as they live. */
export interface RoundedOperands {
  forgetRounded(dataId: tf.DataId): void;
}

/** Frees what a device keeps of a tensor for search products: it lives on, and will be in none. */
export function forgetRounded(tensor: tf.Tensor): void {
  const backend = tf.backend() as Partial<RoundedOperands>;
  backend.forgetRounded?.(tensor.dataId);
}

/** {@link addProduct}, whose product is a {@link searchProduct}. */
export function searchAddProduct(
  sum: tf.Tensor2D,
  a: tf.Tensor2D,
  b: tf.Tensor2D,
  transposeA = false,
  transposeB = false,
): tf.Tensor2D {
  return addTo(sum, a, b, { transposeA, transposeB, search: true });
}

/**
 * `sum + op(a) op(b)` with float32 operands, as {@link exactProduct}; a backend that can adds into sum's own memory.
 *
 * @param sum `[m, n]`, taken over; nobody else may hold it, since its memory may be written to
 * @param a `[m, k]`, or `[k, m]` if transposed
 * @param b `[k, n]`, or `[n, k]` if transposed
 */
export function addProduct(
  sum: tf.Tensor2D,
  a: tf.Tensor2D,
  b: tf.Tensor2D,
  transposeA = false,
  transposeB = false,
): tf.Tensor2D {
  return addTo(sum, a, b, { transposeA, transposeB, search: false });
}

/** What the kernel is told. */
interface Added {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Operands may be rounded. */
  readonly search: boolean;
}

function addTo(sum: tf.Tensor2D, a: tf.Tensor2D, b: tf.Tensor2D, how: Added): tf.Tensor2D {
  const { transposeA, transposeB } = how;
  const [m, n] = productShape(a, b, transposeA, transposeB);
  tf.util.assertShapesMatch(sum.shape, [m, n], "The sum does not fit the product: ");
  const added = hasKernel("addProduct")
    ? (runFused("addProduct", { sum, a, b }, { ...how })[0] as tf.Tensor2D)
    : tf.tidy(() => tf.add<tf.Tensor2D>(sum, tf.matMul(a, b, transposeA, transposeB)));
  sum.dispose();
  return added;
}

/**
 * `op(a) op(b)` with float32 operands, also on a device whose products otherwise round them (TF32, bfloat16). For what
 * is done once and kept: folding a rotation, making it orthogonal in the end.
 *
 * @param a, b matrices, or stacks of equally many
 */
export function exactProduct<T extends tf.Tensor>(
  a: T,
  b: T,
  transposeA = false,
  transposeB = false,
): T {
  if (!hasKernel("exactProduct")) return tf.matMul(a, b, transposeA, transposeB);
  productShape(a, b, transposeA, transposeB);
  return runFused("exactProduct", { a, b }, { transposeA, transposeB })[0] as T;
}

/** Kernels work on bare memory: shapes are checked once, here. */
function productShape(
  a: tf.Tensor,
  b: tf.Tensor,
  transposeA: boolean,
  transposeB: boolean,
): [number, number] {
  const [m, k] = lastTwo(a, transposeA);
  const [inner, n] = lastTwo(b, transposeB);
  tf.util.assert(
    k === inner && tf.util.arraysEqual(a.shape.slice(0, -2), b.shape.slice(0, -2)),
    () => `[${a.shape.join()}] and [${b.shape.join()}] cannot be multiplied`,
  );
  return [m, n];
}

function lastTwo({ shape }: tf.Tensor, transposed: boolean): [number, number] {
  const [rows = 1, columns = 1] = shape.slice(-2);
  return transposed ? [columns, rows] : [rows, columns];
}
