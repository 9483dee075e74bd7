/**
 * Matrix products of the wasm backend by a system BLAS, on the WASM heap itself: no copy in, no copy out.
 * Both of TensorFlow.js' product kernels are replaced; what BLAS does not do, or does no faster, stays with them.
 */
import * as tf from "@tensorflow/tfjs-core";
import { FUSED_KERNELS } from "../fused/dispatch.ts";
import type { Blas, Sgemm } from "./blas.ts";
import { replaceColumnsKernel } from "./columns.ts";
import type { InverseFactorInPlace } from "./lapack.ts";
import { addressOf, copyOf, floatsAt, type WasmBackend } from "./heap.ts";

/** Below this many multiplications the foreign call costs more than it saves. */
const SMALL = 16 ** 3;

interface Product {
  readonly a: tf.TensorInfo;
  readonly b: tf.TensorInfo;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

export function matmulKernels(
  backend: WasmBackend,
  { sgemm, inverseFactor }: Omit<Blas, "description">,
): tf.KernelConfig[] {
  return [
    ...(inverseFactor ? [inverseFactorKernel(backend, inverseFactor)] : []),
    override(tf.BatchMatMul, (original) => (params) => {
      const product = productOf(params);
      return product === undefined ? original(params) : multiply(backend, sgemm, product);
    }),
    override(tf._FusedMatMul, (original) => (params) => {
      const product = productOf(params);
      const { bias, preluActivationWeights } = params.inputs;
      const { activation, leakyreluAlpha } = params.attrs as {
        activation: string;
        leakyreluAlpha?: number;
      };
      if (product === undefined || (bias && bias.shape.length !== 1)) return original(params);
      const out = multiply(backend, sgemm, product, bias);
      return activate(backend, out, activation, preluActivationWeights, leakyreluAlpha);
    }),
    gramKernel(backend, sgemm),
    addProductKernel(backend, sgemm),
    replaceColumnsKernel(backend, sgemm),
  ];
}

/** `sum ← sum + op(a) op(b)` in place, as {@link gramKernel}. */
function addProductKernel(backend: WasmBackend, sgemm: Sgemm): tf.KernelConfig {
  return {
    kernelName: FUSED_KERNELS.addProduct,
    backendName: "wasm",
    kernelFunc: ({ inputs, attrs }) => {
      const { sum, a, b } = inputs as { sum: tf.TensorInfo; a: tf.TensorInfo; b: tf.TensorInfo };
      const { transposeA, transposeB } = attrs as unknown as {
        readonly transposeA: boolean;
        readonly transposeB: boolean;
      };
      const [m, n] = sum.shape as [number, number];
      const [rows, lda] = a.shape as [number, number];
      const ldb = b.shape[1] ?? 1;
      const k = transposeA ? rows : lda;
      sgemm({
        m,
        n,
        k,
        transposeA,
        transposeB,
        a: floatsAt(backend, addressOf(backend, a), m * k),
        lda,
        b: floatsAt(backend, addressOf(backend, b), k * n),
        ldb,
        beta: 1,
        c: floatsAt(backend, addressOf(backend, sum), m * n),
        ldc: n,
      });
      backend.incRef(sum.dataId);
      return { dataId: sum.dataId, shape: sum.shape, dtype: sum.dtype };
    },
  };
}

function inverseFactorKernel(
  backend: WasmBackend,
  factorInPlace: InverseFactorInPlace,
): tf.KernelConfig {
  return {
    kernelName: FUSED_KERNELS.inverseFactor,
    backendName: "wasm",
    kernelFunc: ({ inputs, attrs }) => {
      const { a, shift } = inputs as { a: tf.TensorInfo; shift: tf.TensorInfo };
      const { inPlace } = attrs as { inPlace: boolean };
      const [n = 0] = a.shape;
      let factor = a;
      if (inPlace) backend.incRef(a.dataId);
      else factor = copyOf(backend, a);
      const values = floatsAt(backend, addressOf(backend, factor), n * n);
      const onDiagonal = floatsAt(backend, addressOf(backend, shift), n);
      const failed = factorInPlace(values, onDiagonal) ? 0 : 1;
      const { dataId, shape, dtype } = factor;
      return [
        { dataId, shape, dtype },
        backend.makeOutput([], "float32", undefined, Float32Array.of(failed)),
      ];
    },
  };
}

/** `sum ← sum + xᵀx` in place; the result is the same memory under one more reference. */
function gramKernel(backend: WasmBackend, sgemm: Sgemm): tf.KernelConfig {
  return {
    kernelName: FUSED_KERNELS.gram,
    backendName: "wasm",
    kernelFunc: ({ inputs }) => {
      const { sum, x } = inputs as { sum: tf.TensorInfo; x: tf.TensorInfo };
      const [rows, n] = x.shape as [number, number];
      const address = addressOf(backend, x);
      sgemm({
        m: n,
        n,
        k: rows,
        transposeA: true,
        transposeB: false,
        a: floatsAt(backend, address, rows * n),
        lda: n,
        b: floatsAt(backend, address, rows * n),
        ldb: n,
        beta: 1,
        c: floatsAt(backend, addressOf(backend, sum), n * n),
        ldc: n,
      });
      backend.incRef(sum.dataId);
      return { dataId: sum.dataId, shape: sum.shape, dtype: sum.dtype };
    },
  };
}

function override(
  kernelName: string,
  replace: (original: tf.KernelFunc) => tf.KernelFunc,
): tf.KernelConfig {
  const original = tf.getKernel(kernelName, "wasm");
  return { ...original, kernelFunc: replace(original.kernelFunc) };
}

/** The product asked for, or undefined where the original kernel is the better or the only one. */
function productOf(params: Parameters<tf.KernelFunc>[0]): Product | undefined {
  const { a, b } = params.inputs as { a: tf.TensorInfo; b: tf.TensorInfo };
  const { transposeA, transposeB } = params.attrs as { transposeA: boolean; transposeB: boolean };
  if (a.dtype !== "float32" || b.dtype !== "float32") return undefined;
  const [m, k] = matrixShape(a, transposeA);
  const [inner, n] = matrixShape(b, transposeB);
  return k === inner && m * k * n >= SMALL ? { a, b, transposeA, transposeB } : undefined;
}

/** Rows and columns of op(x), x with or without batch dimensions. */
function matrixShape(x: tf.TensorInfo, transpose: boolean): [rows: number, cols: number] {
  const [rows, cols] = x.shape.slice(-2) as [number, number];
  return transpose ? [cols, rows] : [rows, cols];
}

/** op(a) op(b) (+ bias), batch dimensions broadcast. */
function multiply(
  backend: WasmBackend,
  sgemm: Sgemm,
  { a, b, transposeA, transposeB }: Product,
  bias?: tf.TensorInfo,
): tf.TensorInfo {
  const batchA = a.shape.slice(0, -2);
  const batchB = b.shape.slice(0, -2);
  const batch = tf.broadcast_util.assertAndGetBroadcastShape(batchA, batchB);
  let [m] = matrixShape(a, transposeA);
  const [k, n] = matrixShape(b, transposeB);
  const out = backend.makeOutput([...batch, m, n], "float32");
  const outSize = tf.util.sizeFromShape(out.shape);
  if (bias) fillRows(backend, out, outSize, bias);

  let pairs = batchPairs(batchA, batchB, batch);
  // One matrix for the whole batch (weights): the batch's rows are simply more rows.
  if (!transposeA && tf.util.sizeFromShape(batchB) === 1) {
    m *= pairs.length;
    pairs = [[0, 0]];
  }
  const strideA = m * k;
  const strideB = k * n;
  const strideC = m * n;
  const addressA = addressOf(backend, a);
  const addressB = addressOf(backend, b);
  const addressC = addressOf(backend, out);
  pairs.forEach(([i, j], index) => {
    sgemm({
      m,
      n,
      k,
      transposeA,
      transposeB,
      a: floatsAt(backend, addressA + 4 * i * strideA, strideA),
      lda: transposeA ? m : k,
      b: floatsAt(backend, addressB + 4 * j * strideB, strideB),
      ldb: transposeB ? k : n,
      beta: bias ? 1 : 0,
      c: floatsAt(backend, addressC + 4 * index * strideC, strideC),
      ldc: n,
    });
  });
  return out;
}

/** For every matrix of the broadcast batch, in order: which matrix of a and which of b. */
function batchPairs(
  batchA: readonly number[],
  batchB: readonly number[],
  batch: readonly number[],
): [number, number][] {
  let pairs: [number, number][] = [[0, 0]];
  batch.forEach((size, axis) => {
    const ofA = batchA[axis - batch.length + batchA.length] ?? 1;
    const ofB = batchB[axis - batch.length + batchB.length] ?? 1;
    pairs = pairs.flatMap(([i, j]) =>
      Array.from({ length: size }, (_, at): [number, number] => [
        i * ofA + (ofA === 1 ? 0 : at),
        j * ofB + (ofB === 1 ? 0 : at),
      ]),
    );
  });
  return pairs;
}

function fillRows(
  backend: WasmBackend,
  out: tf.TensorInfo,
  size: number,
  row: tf.TensorInfo,
): void {
  const values = floatsAt(backend, addressOf(backend, row), tf.util.sizeFromShape(row.shape));
  const rows = floatsAt(backend, addressOf(backend, out), size);
  for (let at = 0; at < size; at += values.length) rows.set(values, at);
}

const ACTIVATIONS: Readonly<Record<string, string>> = {
  relu: tf.Relu,
  relu6: tf.Relu6,
  elu: tf.Elu,
  sigmoid: tf.Sigmoid,
  leakyrelu: tf.LeakyRelu,
  prelu: tf.Prelu,
};

function activate(
  backend: WasmBackend,
  x: tf.TensorInfo,
  activation: string,
  alpha: tf.TensorInfo | undefined,
  leakyreluAlpha: number | undefined,
): tf.TensorInfo {
  if (activation === "linear") return x;
  const kernelName = ACTIVATIONS[activation];
  if (kernelName === undefined) throw new Error(`${activation} has no kernel in the wasm backend.`);
  const result = tf.getKernel(kernelName, "wasm").kernelFunc({
    inputs: alpha === undefined ? { x } : { x, alpha },
    backend,
    attrs: leakyreluAlpha === undefined ? {} : { alpha: leakyreluAlpha },
  });
  backend.disposeData(x.dataId);
  return result as tf.TensorInfo;
}
