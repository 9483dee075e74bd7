/** What a decoder layer does between its products (mathematics in ../../fused/decoder.ts and attention.ts). */
import * as tf from "@tensorflow/tfjs-core";
import { f32, i32, i64, pointer, type CudaBackend, type Gemm } from "../runtime.ts";
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
  backend.runtime.launch({
    program: decoderProgram,
    entry: "rmsNorm",
    grid: [tf.util.sizeFromShape(x.shape.slice(0, -1))],
    block: [Math.min(512, 32 * Math.max(1, Math.ceil(n / 128)))],
    args: [
      pointer(backend.address(x)),
      pointer(backend.address(gain)),
      i32(n),
      f32(eps),
      pointer(backend.address(y)),
    ],
  });
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
  backend.runtime.launch({
    program: decoderProgram,
    entry: "rope",
    grid: [blocksFor(backend.runtime, pairs)],
    block: [256],
    args: [
      ...[x, cos, sin].map((tensor) => pointer(backend.address(tensor))),
      i64(pairs),
      i32(T),
      i32(heads),
      i32(headDim / 2),
      pointer(backend.address(y)),
    ],
  });
  return y;
}

export function swiglu(
  backend: CudaBackend,
  gate: tf.TensorInfo,
  up: tf.TensorInfo,
): tf.TensorInfo {
  const y = backend.output(gate.shape, "float32");
  const count = sizeOf(gate);
  backend.runtime.launch({
    program: decoderProgram,
    entry: "swiglu",
    grid: [blocksFor(backend.runtime, count)],
    block: [256],
    args: [
      ...[gate, up].map((tensor) => pointer(backend.address(tensor))),
      i64(count),
      pointer(backend.address(y)),
    ],
  });
  return y;
}

/** Scores of a block of queries, all heads: 128 MiB. */
const SCORES = 2 ** 25;

/**
 * `[B · T, heads · hd]`. Heads are read where they lie, `heads · hd` apart; the scores of a block of queries are
 * made by products, turned to weights in place, and multiplied with the values straight into the output.
 *
 * @param window 0: none
 * @param limit scores held at a time, at the most, where more than 64 queries fit
 */
export function causalAttention(
  backend: CudaBackend,
  q: tf.TensorInfo,
  k: tf.TensorInfo,
  v: tf.TensorInfo,
  window: number,
  limit = SCORES,
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
  const block = Math.min(T, Math.max(64, Math.floor(limit / (heads * T))));
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
    runtime.launch({
      program: decoderProgram,
      entry: "causalSoftmax",
      grid: [heads * rows],
      block: [Math.min(512, 32 * Math.max(1, Math.ceil(keys / 128)))],
      args: [pointer(scores), i32(rows), i32(keys), i32(from), i32(first), i32(window)],
    });
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
  backend.runtime.launch({
    program: decoderProgram,
    entry: "likelihood",
    grid: [n],
    block: [Math.min(1024, 32 * Math.max(1, Math.ceil(size / 128)))],
    args: [
      pointer(backend.address(logits)),
      pointer(backend.address(targets)),
      i32(size),
      ...outputs.map((tensor) => pointer(backend.address(tensor))),
    ],
  });
  return outputs;
}
