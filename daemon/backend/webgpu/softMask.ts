/** The soft mask of the pruned mass on the GPU (mathematics in ../fused/prunedMass.ts). */
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import type * as tf from "@tensorflow/tfjs-core";
import { EMPTY_MASS, type Selection } from "../fused/dispatch.ts";
import { runShader, THREADS } from "./program.ts";

const LARGEST = 0x7f7f_ffff;

/** Importances are not negative: their bits order like the numbers. */
const SOFTEN = `
  fn bits(at : i32) -> u32 { return bitcast<u32>(scores[at]) & 0x7fffffffu; }
  fn logOf(bits : u32) -> f32 { return log(bitcast<f32>(bits) + ${EMPTY_MASS}); }
  fn soften(s : u32, low : u32, high : u32) -> f32 {
    let threshold = 0.5 * (logOf(low) + logOf(high));
    let x = (logOf(s) - threshold) * uniforms.sharpness;
    // Beyond e^±30 the mask is 0 or 1 in float32.
    return 1.0 / (1.0 + exp(clamp(x, -30.0, 30.0)));
  }`;

/**
 * @param pruned bool `[rows, cols]`, the pattern's own mask; something of each group or row goes and something stays
 * @returns `[rows, cols]` in 0 … 1
 */
export function softMask(
  backend: WebGPUBackend,
  scores: tf.Tensor2D,
  pruned: tf.Tensor2D,
  select: Selection,
  temperature: number,
): tf.Tensor2D {
  const floats = { sharpness: 1 / temperature };
  switch (select.kind) {
    case "nm":
      return ofGroups(backend, scores, pruned, select.of, floats);
    case "count":
      return ofRows(backend, scores, pruned, floats);
    default:
      return select satisfies never;
  }
}

/** One thread an entry: it reads its group. */
function ofGroups(
  backend: WebGPUBackend,
  scores: tf.Tensor2D,
  pruned: tf.Tensor2D,
  of: number,
  floats: Record<string, number>,
): tf.Tensor2D {
  const [rows, cols] = scores.shape;
  return runShader(backend, {
    key: "denoiseSoftMaskOfGroups",
    inputs: { scores, pruned },
    uniforms: { total: rows * cols, group: of },
    floats,
    output: { shape: [rows, cols], dtype: "float32" },
    workgroups: Math.ceil((rows * cols) / THREADS),
    declarations: SOFTEN,
    body: `
      if (index >= uniforms.total) { return; }
      let start = index - index % uniforms.group;
      var low = 0u;
      var high = ${LARGEST}u;
      for (var k = start; k < start + uniforms.group; k = k + 1) {
        if (pruned[k] == 1) { low = max(low, bits(k)); } else { high = min(high, bits(k)); }
      }
      result[index] = soften(bits(index), low, high);`,
  });
}

/** One workgroup a row. */
function ofRows(
  backend: WebGPUBackend,
  scores: tf.Tensor2D,
  pruned: tf.Tensor2D,
  floats: Record<string, number>,
): tf.Tensor2D {
  const [rows, cols] = scores.shape;
  return runShader(backend, {
    key: "denoiseSoftMaskOfRows",
    inputs: { scores, pruned },
    uniforms: { rows, cols },
    floats,
    output: { shape: [rows, cols], dtype: "float32" },
    workgroups: rows,
    declarations: `
      var<workgroup> highestPruned : atomic<u32>;
      var<workgroup> lowestKept : atomic<u32>;
      ${SOFTEN}`,
    body: `
      let thread = i32(localId.x);
      // Surplus workgroups repeat the last row: returning would leave barriers that not all threads reach.
      let start = min(index / THREADS, uniforms.rows - 1) * uniforms.cols;
      if (thread == 0) {
        atomicStore(&highestPruned, 0u);
        atomicStore(&lowestKept, ${LARGEST}u);
      }
      workgroupBarrier();
      var low = 0u;
      var high = ${LARGEST}u;
      for (var at = start + thread; at < start + uniforms.cols; at = at + THREADS) {
        if (pruned[at] == 1) { low = max(low, bits(at)); } else { high = min(high, bits(at)); }
      }
      atomicMax(&highestPruned, low);
      atomicMin(&lowestKept, high);
      workgroupBarrier();
      low = atomicLoad(&highestPruned);
      high = atomicLoad(&lowestKept);
      for (var at = start + thread; at < start + uniforms.cols; at = at + THREADS) {
        result[at] = soften(bits(at), low, high);
      }`,
  });
}
