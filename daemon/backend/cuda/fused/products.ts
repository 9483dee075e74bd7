/** Products that add to a matrix in place, or whose precision matters (see ../../fused/products.ts). */
import * as tf from "@tensorflow/tfjs-core";
import type { CudaBackend, Precision } from "../runtime.ts";

/** `sum += op(a) op(b)`, in sum's own memory. */
export function addProduct(
  backend: CudaBackend,
  sum: tf.TensorInfo,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  transposeA: boolean,
  transposeB: boolean,
  precision: Precision,
): tf.TensorInfo {
  multiply(backend, { a, b, transposeA, transposeB, precision, beta: 1 }, backend.ownAddress(sum));
  return backend.alias(sum, sum.shape);
}

/**
 * How a product is computed whose result only guides a search: in bfloat16 where TF32 is good enough otherwise and the
 * product is so large that converting its operands pays.
 */
export function searchPrecision(
  { runtime }: CudaBackend,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
): Precision {
  const large = Math.min(...a.shape, ...b.shape) >= LARGE;
  return large && runtime.precision === "tf32" ? "bf16" : runtime.precision;
}

const LARGE = 1024;

/** `op(a) op(b)` in the given precision, over equal leading dimensions. */
export function product(
  backend: CudaBackend,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  transposeA: boolean,
  transposeB: boolean,
  precision: Precision,
): tf.TensorInfo {
  const rows = a.shape.at(transposeA ? -1 : -2) ?? 1;
  const columns = b.shape.at(transposeB ? -2 : -1) ?? 1;
  const out = backend.output([...a.shape.slice(0, -2), rows, columns], "float32");
  multiply(backend, { a, b, transposeA, transposeB, precision, beta: 0 }, backend.address(out));
  return out;
}

interface Factors {
  readonly a: tf.TensorInfo;
  readonly b: tf.TensorInfo;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly precision: Precision;
  readonly beta: 0 | 1;
}

function multiply(
  backend: CudaBackend,
  { a, b, transposeA, transposeB, precision, beta }: Factors,
  c: number,
): void {
  const m = a.shape.at(transposeA ? -1 : -2) ?? 1;
  const k = a.shape.at(transposeA ? -2 : -1) ?? 1;
  const n = b.shape.at(transposeB ? -2 : -1) ?? 1;
  const batch = tf.util.sizeFromShape(a.shape.slice(0, -2));
  backend.runtime.gemm({
    m,
    n,
    k,
    transposeA,
    transposeB,
    a: backend.address(a),
    b: backend.address(b),
    c,
    batch,
    strideA: m * k,
    strideB: k * n,
    strideC: m * n,
    beta,
    precision,
  });
}
