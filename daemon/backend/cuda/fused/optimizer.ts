/** Adam's direction and the move along it (mathematics in ../../fused/orthogonal.ts) on stacks `[blocks, n, n]`. */
import type * as tf from "@tensorflow/tfjs-core";
import {
  LONGEST_STEP,
  POLYNOMIAL,
  POWER_ITERATIONS,
  type AdamRates,
} from "../../fused/orthogonal.ts";
import { f32, i32, i64, pointer, type CudaBackend, type Precision } from "../runtime.ts";
import { blocksFor, sizes, withScratch } from "./kernel.ts";
import { optimizerProgram } from "./programs.ts";

/** Up to this size products cost little, and rounding them to TF32 gains nothing. */
const SMALL = 512;

/** `[first, second, a]` */
export function adamDirection(
  backend: CudaBackend,
  product: tf.TensorInfo,
  first: tf.TensorInfo,
  second: tf.TensorInfo,
  { beta1, beta2, eta, epsilon }: AdamRates,
): tf.TensorInfo[] {
  const [blocks, n] = sizes(product);
  const outputs = [0, 1, 2].map(() => backend.output(product.shape, "float32"));
  const tiles = Math.ceil(n / 32);
  backend.runtime.launch({
    program: optimizerProgram,
    entry: "adamDirection",
    grid: [tiles, tiles, blocks],
    block: [256],
    args: [
      ...[product, first, second].map((tensor) => pointer(backend.address(tensor))),
      i32(n),
      f32(beta1),
      f32(beta2),
      f32(eta),
      f32(epsilon),
      ...outputs.map((tensor) => pointer(backend.address(tensor))),
    ],
  });
  return outputs;
}

/** `[r, power]`: seven passes over n² beside the five products. */
export function move(
  backend: CudaBackend,
  r: tf.TensorInfo,
  a: tf.TensorInfo,
  power: tf.TensorInfo,
): tf.TensorInfo[] {
  const { runtime } = backend;
  const [blocks, n] = sizes(r);
  const count = blocks * n * n;
  const moved = backend.output(r.shape, "float32");
  const vector = backend.output(power.shape, "float32");
  const { p0, p1, p2, q1 } = POLYNOMIAL;
  const multiply = stackProduct(backend, blocks, n, n <= SMALL ? "f32" : undefined);
  withScratch(runtime, 3 * count + blocks * n + blocks, (square) => {
    const left = square + 4 * count;
    const rest = left + 4 * count;
    const other = rest + 4 * count;
    const norms = other + 4 * blocks * n;
    multiply({ a: backend.address(a), b: backend.address(a), c: square });
    powerIteration(backend, square, [blocks, n], backend.address(power), {
      norms,
      vector: backend.address(vector),
      other,
    });
    runtime.launch({
      program: optimizerProgram,
      entry: "stepTerms",
      grid: [blocksFor(runtime, n * n), blocks],
      block: [256],
      args: [
        pointer(backend.address(a)),
        pointer(square),
        pointer(norms),
        i64(n * n),
        f32(LONGEST_STEP),
        f32(p0),
        f32(p1),
        f32(p2 / q1),
        pointer(left),
        pointer(rest),
      ],
    });
    multiply({ a: left, b: square, c: rest, alpha: q1, beta: 1 });
    runtime.copy(left, backend.address(r), 4 * count);
    multiply({ a: backend.address(r), b: rest, c: left, beta: p0 });
    newtonSchulz(backend, [blocks, n], left, square, backend.address(moved), multiply);
  });
  return [moved, vector];
}

/** One Newton–Schulz iteration with float32 products. */
export function orthonormalised(backend: CudaBackend, x: tf.TensorInfo): tf.TensorInfo {
  const [blocks, n] = sizes(x);
  const out = backend.output(x.shape, "float32");
  const multiply = stackProduct(backend, blocks, n, "f32");
  withScratch(backend.runtime, blocks * n * n, (gram) => {
    newtonSchulz(backend, [blocks, n], backend.address(x), gram, backend.address(out), multiply);
  });
  return out;
}

interface StackProduct {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly transposeA?: boolean;
  readonly alpha?: number;
  readonly beta?: number;
}

const stackProduct =
  ({ runtime }: CudaBackend, batch: number, n: number, precision: Precision | undefined) =>
  (product: StackProduct): void => {
    runtime.gemm({
      m: n,
      n,
      k: n,
      batch,
      strideA: n * n,
      strideB: n * n,
      strideC: n * n,
      transposeA: false,
      transposeB: false,
      ...product,
      ...(precision && { precision }),
    });
  };

/** X + ½ X (I − XᵀX): the correction is small, so that its own product may be rounded. */
function newtonSchulz(
  { runtime }: CudaBackend,
  [blocks, n]: readonly [number, number],
  x: number,
  gram: number,
  out: number,
  multiply: (product: StackProduct) => void,
): void {
  const count = blocks * n * n;
  multiply({ a: x, b: x, c: gram, transposeA: true });
  runtime.launch({
    program: optimizerProgram,
    entry: "deviation",
    grid: [blocksFor(runtime, count)],
    block: [256],
    args: [pointer(gram), i64(count), i32(n)],
  });
  runtime.copy(out, x, 4 * count);
  multiply({ a: x, b: gram, c: out, alpha: 0.5, beta: 1 });
}

/** Leaves the last vector in `vector` and its norm, the estimate of ‖A²‖, in `norms`. */
function powerIteration(
  { runtime }: CudaBackend,
  square: number,
  [blocks, n]: readonly [number, number],
  start: number,
  to: { readonly norms: number; readonly vector: number; readonly other: number },
): void {
  const norm = (of: number): void => {
    runtime.launch({
      program: optimizerProgram,
      entry: "vectorNorm",
      grid: [blocks],
      block: [Math.min(1024, 32 * Math.max(1, Math.ceil(n / 32)))],
      args: [pointer(of), i32(n), pointer(to.norms)],
    });
  };
  let from = start;
  norm(from);
  for (let left = POWER_ITERATIONS; left > 0; left--) {
    const next = left % 2 === 1 ? to.vector : to.other;
    runtime.launch({
      program: optimizerProgram,
      entry: "timesVector",
      grid: [Math.ceil(n / 8), blocks],
      block: [256],
      args: [pointer(square), pointer(from), pointer(to.norms), i32(n), pointer(next)],
    });
    norm(next);
    from = next;
  }
}
