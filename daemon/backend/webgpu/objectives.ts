/**
 * Entropy and pruned mass on the GPU (mathematics in ../fused). Each is a few passes over the weights: what a row
 * or column adds up to, then both gradients from that.
 */
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import * as tf from "@tensorflow/tfjs-core";
import { EMPTY_MASS, type ObjectiveValue, type Selection } from "../fused/dispatch.ts";
import { runShader, THREADS, WORKGROUP_SUM } from "./program.ts";
import { lowestMask } from "./select.ts";
import { softMask } from "./softMask.ts";

const TINY = `const TINY = ${EMPTY_MASS};`;

/** ∂E/∂s of an entry with share p of its row or column. */
const ENTROPY_PULL = `
  ${TINY}
  fn pull(p : f32, scale : f32, entropy : f32) -> f32 {
    if (p > TINY) { return -(log(p) + entropy) * scale; }
    return 0.0;
  }`;

export function entropyRows(
  backend: WebGPUBackend,
  w: tf.Tensor2D,
  c: tf.Tensor1D,
): ObjectiveValue {
  const [rows, cols] = w.shape;
  // [rows, 2]: 1/Σs (0 for an empty row) and the entropy.
  const stats = runShader(backend, {
    key: "denoiseEntropyRows",
    inputs: { w, c },
    uniforms: { rows, cols },
    output: { shape: [rows, 2], dtype: "float32" },
    workgroups: rows,
    declarations: WORKGROUP_SUM + TINY,
    body: `
      let thread = i32(localId.x);
      let row = min(index / THREADS, uniforms.rows - 1);
      let start = row * uniforms.cols;
      var sum = 0.0;
      for (var j = thread; j < uniforms.cols; j = j + THREADS) {
        sum = sum + w[start + j] * w[start + j] * c[j];
      }
      sum = workgroupSum(thread, sum);
      let scale = select(0.0, 1.0 / max(sum, TINY), sum > TINY);
      var entropy = 0.0;
      for (var j = thread; j < uniforms.cols; j = j + THREADS) {
        let p = w[start + j] * w[start + j] * c[j] * scale;
        if (p > TINY) { entropy = entropy - p * log(p); }
      }
      entropy = workgroupSum(thread, entropy);
      if (thread == 0) { result[2 * row] = scale; result[2 * row + 1] = entropy; }`,
  });
  const gradS = `pull(w[at] * w[at] * c[j] * stats[2 * i], stats[2 * i], stats[2 * i + 1])`;
  return {
    loss: lossOf(stats),
    ...gradients(backend, "denoiseEntropy", c, { w, stats, c }, ENTROPY_PULL, gradS),
  };
}

export function entropyColumns(
  backend: WebGPUBackend,
  w: tf.Tensor2D,
  c: tf.Tensor1D,
): ObjectiveValue {
  const cols = w.shape[1];
  const square = sumColumns(backend, "denoiseSquare", { w }, "", "w[at] * w[at]");
  const filled = tf.greater(tf.mul(square, c), EMPTY_MASS);
  const scale = tf.where(
    filled,
    tf.reciprocal(tf.maximum(square, EMPTY_MASS)),
    tf.zerosLike(square),
  );
  const entropies = sumColumns(
    backend,
    "denoiseEntropyColumns",
    { w, scale },
    `${TINY}
     fn part(p : f32) -> f32 { if (p > TINY) { return -p * log(p); } return 0.0; }`,
    "part(w[at] * w[at] * scale[j])",
  );
  const total = tf.util.sizeFromShape(w.shape);
  const gradW = runShader(backend, {
    key: "denoiseEntropyColumnsGradient",
    inputs: { w, scale, entropies },
    uniforms: { total, cols },
    output: { shape: w.shape, dtype: "float32" },
    workgroups: Math.ceil(total / THREADS),
    declarations: ENTROPY_PULL,
    body: `
      if (index >= uniforms.total) { return; }
      let j = index % uniforms.cols;
      let x = w[index];
      result[index] = 2.0 * x * pull(x * x * scale[j], scale[j], entropies[j]);`,
  });
  return { loss: tf.sum(entropies), gradW, gradC: tf.zerosLike(c) };
}

export function prunedMass(
  backend: WebGPUBackend,
  w: tf.Tensor2D,
  c: tf.Tensor1D,
  select: Selection,
  temperature: number,
): ObjectiveValue {
  const [rows, cols] = w.shape;
  const scores = tf.mul<tf.Tensor2D>(tf.square(w), c);
  const pruned = lowestMask(backend, scores, select);
  const mask = temperature === 0 ? pruned : softMask(backend, scores, pruned, select, temperature);
  // [rows, 2]: 1/Σs (0 for an empty row) and the pruned share.
  const stats = runShader(backend, {
    key: "denoisePrunedShare",
    inputs: { w, c, mask },
    uniforms: { rows, cols },
    output: { shape: [rows, 2], dtype: "float32" },
    workgroups: rows,
    declarations: WORKGROUP_SUM + TINY,
    body: `
      let thread = i32(localId.x);
      let row = min(index / THREADS, uniforms.rows - 1);
      let start = row * uniforms.cols;
      var sum = 0.0;
      var lost = 0.0;
      for (var j = thread; j < uniforms.cols; j = j + THREADS) {
        let s = w[start + j] * w[start + j] * c[j];
        sum = sum + s;
        lost = lost + f32(mask[start + j]) * s;
      }
      sum = workgroupSum(thread, sum);
      lost = workgroupSum(thread, lost);
      let scale = select(0.0, 1.0 / max(sum, TINY), sum > TINY);
      if (thread == 0) { result[2 * row] = scale; result[2 * row + 1] = lost * scale; }`,
  });
  const gradS = "(f32(mask[at]) - stats[2 * i + 1]) * stats[2 * i]";
  return {
    loss: lossOf(stats),
    ...gradients(backend, "denoisePrunedMass", c, { w, stats, mask }, "", gradS),
  };
}

/** Sum of the second column. */
function lossOf(stats: tf.Tensor2D): tf.Scalar {
  return tf.sum(tf.slice(stats, [0, 1], [stats.shape[0], 1]));
}

/** The weights and whatever else the WGSL names, no more: an input that it does not name has no binding. */
type Inputs = { readonly w: tf.Tensor2D } & Readonly<Record<string, tf.Tensor>>;

/** ∂/∂w = 2 w c ∂/∂s and ∂/∂c = Σ_i w² ∂/∂s; `gradS` is WGSL for ∂/∂s at row i, column j, flat index `at`. */
function gradients(
  backend: WebGPUBackend,
  key: string,
  c: tf.Tensor1D,
  inputs: Inputs,
  declarations: string,
  gradS: string,
): { gradW: tf.Tensor2D; gradC: tf.Tensor1D } {
  const { w } = inputs;
  const total = tf.util.sizeFromShape(w.shape);
  const gradW = runShader(backend, {
    key: `${key}GradientW`,
    inputs: { ...inputs, c },
    uniforms: { total, cols: w.shape[1] },
    output: { shape: w.shape, dtype: "float32" },
    workgroups: Math.ceil(total / THREADS),
    declarations,
    body: `
      if (index >= uniforms.total) { return; }
      let at = index;
      let i = at / uniforms.cols;
      let j = at - i * uniforms.cols;
      result[at] = 2.0 * w[at] * c[j] * ${gradS};`,
  });
  const gradC = sumColumns(
    backend,
    `${key}GradientC`,
    inputs,
    declarations,
    `w[at] * w[at] * ${gradS}`,
  );
  return { gradW, gradC };
}

/** Rows that one thread adds up: enough threads for a GPU, few enough partial sums. */
const CHUNK = 64;

/** Σ over rows of `term` (WGSL, row i, column j, flat index `at`), for each column; threads read side by side. */
function sumColumns(
  backend: WebGPUBackend,
  key: string,
  inputs: Inputs,
  declarations: string,
  term: string,
): tf.Tensor1D {
  const [rows, cols] = inputs.w.shape;
  const chunks = Math.ceil(rows / CHUNK);
  const partial = runShader(backend, {
    key,
    inputs,
    uniforms: { rows, cols, total: chunks * cols },
    output: { shape: [chunks, cols], dtype: "float32" },
    workgroups: Math.ceil((chunks * cols) / THREADS),
    declarations,
    body: `
      if (index >= uniforms.total) { return; }
      let chunk = index / uniforms.cols;
      let j = index - chunk * uniforms.cols;
      var sum = 0.0;
      for (var i = chunk * ${CHUNK}; i < min((chunk + 1) * ${CHUNK}, uniforms.rows); i = i + 1) {
        let at = i * uniforms.cols + j;
        sum = sum + ${term};
      }
      result[index] = sum;`,
  });
  return tf.sum(partial, 0);
}
