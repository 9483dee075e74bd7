/** Masks with an exact count per row on the GPU (rules in ../fused/selectLowest.ts). */
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import type * as tf from "@tensorflow/tfjs-core";
import type { Selection } from "../fused/dispatch.ts";
import { runShader, THREADS } from "./program.ts";

/** @returns bool `[rows, cols]`, true = among the lowest */
export function lowestMask(
  backend: WebGPUBackend,
  scores: tf.TensorInfo,
  select: Selection,
): tf.Tensor2D {
  switch (select.kind) {
    case "nm":
      return lowestOfGroups(backend, scores, select.of - select.keep, select.of);
    case "count":
      return lowestOfRows(backend, scores, select.count);
    default:
      return select satisfies never;
  }
}

/** One thread an entry: its rank among the group's. */
function lowestOfGroups(
  backend: WebGPUBackend,
  scores: tf.TensorInfo,
  count: number,
  of: number,
): tf.Tensor2D {
  const [rows, cols] = scores.shape as [number, number];
  return runShader(backend, {
    key: "denoiseLowestOfGroups",
    inputs: { scores },
    uniforms: { total: rows * cols, count, group: of },
    output: { shape: [rows, cols], dtype: "bool" },
    workgroups: Math.ceil((rows * cols) / THREADS),
    body: `
      if (index >= uniforms.total) { return; }
      let start = index - index % uniforms.group;
      let own = scores[index];
      var rank = 0;
      for (var k = start; k < start + uniforms.group; k = k + 1) {
        if (scores[k] < own || (scores[k] == own && k < index)) { rank = rank + 1; }
      }
      result[index] = select(0, 1, rank < uniforms.count);`,
  });
}

/**
 * One workgroup a row. The bits of a float that is not negative order like the number: four counting passes of a
 * byte each fix the count-th lowest. Then equal ones are numbered from the left, a block of threads at a time.
 */
function lowestOfRows(backend: WebGPUBackend, scores: tf.TensorInfo, count: number): tf.Tensor2D {
  const [rows, cols] = scores.shape as [number, number];
  return runShader(backend, {
    key: "denoiseLowestOfRows",
    inputs: { scores },
    uniforms: { rows, cols, count },
    output: { shape: [rows, cols], dtype: "bool" },
    workgroups: rows,
    declarations: `
      var<workgroup> histogram : array<atomic<u32>, 256>;
      var<workgroup> prefix : u32;
      var<workgroup> wanted : u32;
      var<workgroup> before : array<u32, THREADS>;
      fn bits(at : i32) -> u32 { return bitcast<u32>(scores[at]) & 0x7fffffffu; }`,
    body: `
      let thread = i32(localId.x);
      // Surplus workgroups repeat the last row: returning would leave barriers that not all threads reach.
      let start = min(index / THREADS, uniforms.rows - 1) * uniforms.cols;
      if (thread == 0) { prefix = 0u; wanted = u32(max(uniforms.count, 1)); }
      workgroupBarrier();

      for (var shift = 24; shift >= 0; shift = shift - 8) {
        atomicStore(&histogram[thread], 0u);
        workgroupBarrier();
        for (var j = thread; j < uniforms.cols; j = j + THREADS) {
          let value = bits(start + j);
          // Only those that share the bytes fixed so far (a shift by 32 would be by 0).
          if (shift == 24 || (value >> u32(min(shift + 8, 31))) == (prefix >> u32(min(shift + 8, 31)))) {
            atomicAdd(&histogram[(value >> u32(shift)) & 255u], 1u);
          }
        }
        workgroupBarrier();
        if (thread == 0) {
          var digit = 0u;
          while (digit < 255u && atomicLoad(&histogram[digit]) < wanted) {
            wanted = wanted - atomicLoad(&histogram[digit]);
            digit = digit + 1u;
          }
          prefix = prefix | (digit << u32(shift));
        }
        workgroupBarrier();
      }

      // \`prefix\` is the threshold, \`wanted\` how many equal to it are still to take.
      var taken = 0u;
      for (var block = 0; block < uniforms.cols; block = block + THREADS) {
        let j = block + thread;
        let inside = j < uniforms.cols;
        let value = bits(start + min(j, uniforms.cols - 1));
        let equal = select(0u, 1u, inside && value == prefix);
        before[thread] = equal;
        workgroupBarrier();
        for (var step = 1; step < THREADS; step = step * 2) {
          let left = select(0u, before[max(thread - step, 0)], thread >= step);
          workgroupBarrier();
          before[thread] = before[thread] + left;
          workgroupBarrier();
        }
        let place = taken + before[thread];
        let low = value < prefix || (equal == 1u && place <= wanted);
        if (inside) { result[start + j] = select(0, 1, low && uniforms.count > 0); }
        taken = taken + before[THREADS - 1];
        workgroupBarrier();
      }`,
  });
}
