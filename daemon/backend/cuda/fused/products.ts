/** Products that add to a matrix in place, or whose precision matters (see ../../fused/products.ts). */
import * as tf from "@tensorflow/tfjs-core";
import { CUDA_LIMITS } from "../../limits.ts";
import type { CudaBackend, Precision } from "../runtime.ts";

export interface Factors {
  readonly a: tf.TensorInfo;
  readonly b: tf.TensorInfo;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly precision: Precision;
  /** Of the product, by default 1. */
  readonly alpha?: number;
}

/** `sum += α op(a) op(b)`, in sum's own memory. */
export function addProduct(
  backend: CudaBackend,
  sum: tf.TensorInfo,
  factors: Factors,
): tf.TensorInfo {
  multiply(backend, factors, backend.ownAddress(sum), 1);
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
  if (runtime.exact) return "f32";
  const large = Math.min(...a.shape, ...b.shape) >= CUDA_LIMITS.roundedFrom;
  return large && runtime.precision === "tf32" ? "bf16" : runtime.precision;
}

/** Has `x` here in the form in which a product with a matrix as large asks for it. */
export function bringOperand(backend: CudaBackend, x: tf.TensorInfo): void {
  if (searchPrecision(backend, x, x) === "bf16") backend.rounded(x);
  else backend.address(x);
}

/** `α op(a) op(b)`, over equal leading dimensions. */
export function product(backend: CudaBackend, factors: Factors): tf.TensorInfo {
  const { a, b, transposeA, transposeB } = factors;
  const rows = a.shape.at(transposeA ? -1 : -2) ?? 1;
  const columns = b.shape.at(transposeB ? -2 : -1) ?? 1;
  const out = backend.output([...a.shape.slice(0, -2), rows, columns], "float32");
  multiply(backend, factors, backend.address(out), 0);
  return out;
}

function multiply(
  backend: CudaBackend,
  { a, b, transposeA, transposeB, precision, alpha = 1 }: Factors,
  c: number,
  beta: 0 | 1,
): void {
  const m = a.shape.at(transposeA ? -1 : -2) ?? 1;
  const k = a.shape.at(transposeA ? -2 : -1) ?? 1;
  const n = b.shape.at(transposeB ? -2 : -1) ?? 1;
  const batch = tf.util.sizeFromShape(a.shape.slice(0, -2));
  const [stored, addressOf] =
    precision === "bf16"
      ? (["bf16", (x: tf.TensorInfo) => backend.rounded(x)] as const)
      : (["f32", (x: tf.TensorInfo) => backend.address(x)] as const);
  backend.runtime.gemm({
    m,
    n,
    k,
    transposeA,
    transposeB,
    a: addressOf(a),
    b: addressOf(b),
    storedA: stored,
    storedB: stored,
    c,
    batch,
    strideA: m * k,
    strideB: k * n,
    strideC: m * n,
    alpha,
    beta,
    precision,
  });
}
