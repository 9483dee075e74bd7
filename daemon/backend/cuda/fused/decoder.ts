/** What a decoder layer does between its products (mathematics in ../../fused/decoder.ts and attention.ts). */
import * as tf from "@tensorflow/tfjs-core";
import { cudaQueries } from "../../limits.ts";
import { f32, i32, i64, pointer, type Argument, type CudaBackend, type Gemm } from "../runtime.ts";
import { blocksFor, sizeOf, sizes, withScratch } from "./kernel.ts";
import { decoderProgram } from "./programs.ts";

export function rmsNorm(
  backend: CudaBackend,
  x: tf.TensorInfo,
  gain: tf.TensorInfo,
  eps: number,
): tf.TensorInfo {
  const n = sizeOf(gain);
  const y = backend.output(x.shape, "float32");
  run(backend, "rmsNorm", tf.util.sizeFromShape(x.shape.slice(0, -1)), threadsFor(n, 512), [
    ...addresses(backend, [x, gain]),
    i32(n),
    f32(eps),
    ...addresses(backend, [y]),
  ]);
  return y;
}

export function rope(
  backend: CudaBackend,
  x: tf.TensorInfo,
  cos: tf.TensorInfo,
  sin: tf.TensorInfo,
): tf.TensorInfo {
  const [, T, heads, headDim] = sizes(x);
  const y = backend.output(x.shape, "float32");
  const pairs = sizeOf(x) / 2;
  run(backend, "rope", blocksFor(backend.runtime, pairs), 256, [
    ...addresses(backend, [x, cos, sin]),
    i64(pairs),
    i32(T),
    i32(heads),
    i32(headDim / 2),
    ...addresses(backend, [y]),
  ]);
  return y;
}

export function swiglu(
  backend: CudaBackend,
  gate: tf.TensorInfo,
  up: tf.TensorInfo,
): tf.TensorInfo {
  const y = backend.output(gate.shape, "float32");
  const count = sizeOf(gate);
  run(backend, "swiglu", blocksFor(backend.runtime, count), 256, [
    ...addresses(backend, [gate, up]),
    i64(count),
    ...addresses(backend, [y]),
  ]);
  return y;
}

function run(
  { runtime }: CudaBackend,
  entry: string,
  blocks: number,
  threads: number,
  args: readonly Argument[],
): void {
  runtime.launch({ program: decoderProgram, entry, grid: [blocks], block: [threads], args });
}

const addresses = (backend: CudaBackend, tensors: readonly tf.TensorInfo[]): Argument[] =>
  tensors.map((tensor) => pointer(backend.address(tensor)));

/** Of a block that goes through a row: whole warps, four elements a thread where it has enough. */
const threadsFor = (elements: number, most: number): number =>
  Math.min(most, 32 * Math.max(1, Math.ceil(elements / 128)));

/**
 * `[B · T, heads · hd]`. Heads are read where they lie, `heads · hd` apart; the scores of a block of queries are
 * made by products, turned to weights in place, and multiplied with the values straight into the output.
 *
 * @param window 0: none
 * @param limit scores held at a time, where those of the fewest queries are not more
 */
export function causalAttention(
  backend: CudaBackend,
  q: tf.TensorInfo,
  k: tf.TensorInfo,
  v: tf.TensorInfo,
  window: number,
  limit?: number,
): tf.TensorInfo {
  const { runtime } = backend;
  const [B, T, heads, headDim] = sizes(q);
  const [, , kvHeads] = sizes(k);
  const out = backend.output([B * T, heads * headDim], "float32");
  const [atQ, atK, atV, atOut] = [q, k, v, out].map((tensor) => backend.address(tensor)) as [
    number,
    number,
    number,
    number,
  ];
  const block = cudaQueries(heads, T, limit);
  withScratch(runtime, heads * block * T, (scores) => {
    for (let b = 0; b < B; b++) {
      for (let from = 0; from < T; from += block) attend(scores, b, from);
    }
  });
  return out;

  function attend(scores: number, b: number, from: number): void {
    const to = Math.min(from + block, T);
    const first = window === 0 ? 0 : Math.max(0, from - window + 1);
    const [rows, keys] = [to - from, to - first];
    /** Addresses of query head h and key/value head g in this block. */
    const ofQuery = (at: number, h: number) => at + 4 * headDim * ((b * T + from) * heads + h);
    const ofKey = (at: number, g: number) => at + 4 * headDim * ((b * T + first) * kvHeads + g);
    const ofScores = (h: number) => scores + 4 * h * rows * keys;
    for (const { h, g, batch, queryStride, keyStride } of headBatches(heads, kvHeads)) {
      runtime.gemm({
        m: rows,
        n: keys,
        k: headDim,
        a: ofQuery(atQ, h),
        lda: heads * headDim,
        strideA: queryStride * headDim,
        transposeA: false,
        b: ofKey(atK, g),
        ldb: kvHeads * headDim,
        strideB: keyStride * headDim,
        transposeB: true,
        c: ofScores(h),
        strideC: queryStride * rows * keys,
        batch,
        alpha: 1 / Math.sqrt(headDim),
      });
    }
    const softmax = [pointer(scores), ...[rows, keys, from, first, window].map(i32)];
    run(backend, "causalSoftmax", heads * rows, threadsFor(keys, 512), softmax);
    for (const { h, g, batch, queryStride, keyStride } of headBatches(heads, kvHeads)) {
      const weighted: Gemm = {
        m: rows,
        n: headDim,
        k: keys,
        a: ofScores(h),
        strideA: queryStride * rows * keys,
        transposeA: false,
        b: ofKey(atV, g),
        ldb: kvHeads * headDim,
        strideB: keyStride * headDim,
        transposeB: false,
        c: ofQuery(atOut, h),
        ldc: heads * headDim,
        strideC: queryStride * headDim,
        batch,
      };
      runtime.gemm(weighted);
    }
  }
}

interface HeadBatch {
  /** The first query head and its key/value head. */
  readonly h: number;
  readonly g: number;
  readonly batch: number;
  /** In heads. */
  readonly queryStride: number;
  readonly keyStride: number;
}

/** Query heads g·group + r in few batches of equal strides: over g for each r, or over r for each g. */
function headBatches(heads: number, kvHeads: number): HeadBatch[] {
  const group = heads / kvHeads;
  return group <= kvHeads
    ? Array.from({ length: group }, (_, r) => ({
        h: r,
        g: 0,
        batch: kvHeads,
        queryStride: group,
        keyStride: 1,
      }))
    : Array.from({ length: kvHeads }, (_, g) => ({
        h: g * group,
        g,
        batch: group,
        queryStride: 1,
        keyStride: 0,
      }));
}

/** `[ln Σ exp, logit of the target]` of each row. */
export function likelihood(
  backend: CudaBackend,
  logits: tf.TensorInfo,
  targets: tf.TensorInfo,
): tf.TensorInfo[] {
  const [n, size] = sizes(logits);
  const outputs = [backend.output([n], "float32"), backend.output([n], "float32")];
  run(backend, "likelihood", n, threadsFor(size, 1024), [
    ...addresses(backend, [logits, targets]),
    i32(size),
    ...addresses(backend, outputs),
  ]);
  return outputs;
}
