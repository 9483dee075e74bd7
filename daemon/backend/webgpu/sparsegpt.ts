/**
 * SparseGPT on one block on the GPU (mathematics in ../fused/sparsegpt.ts): rows do not touch each other, so each
 * is a thread that carries its block of weights through all columns in its own memory.
 */
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import * as tf from "@tensorflow/tfjs-core";
import type { BlockSelection, PrunedBlock } from "../fused/sparsegpt.ts";
import { runShader, THREADS } from "./program.ts";

export function sparsegptBlock(
  backend: WebGPUBackend,
  w: tf.Tensor2D,
  u: tf.Tensor2D,
  select: BlockSelection,
): PrunedBlock {
  const [rows, b] = w.shape;
  const [choice, inputs, uniforms] =
    select.kind === "nm"
      ? [CHOOSE_GROUP, { w, u }, { rows, count: select.of - select.keep, group: select.of }]
      : [READ_MASK, { w, u, mask: select.mask }, { rows }];
  // A program has one result: weights and errors side by side.
  const both = runShader(backend, {
    key: `denoiseSparseGpt${select.kind}${b}`,
    inputs,
    uniforms,
    output: { shape: [rows, 2 * b], dtype: "float32" },
    workgroups: Math.ceil(rows / THREADS),
    declarations: `
      const B = ${b};
      var<private> x : array<f32, B>;
      var<private> chosen : array<bool, B>;
      fn score(j : i32) -> f32 {
        let scaled = x[j] / u[j * B + j];
        return scaled * scaled;
      }`,
    body: `
      if (index >= uniforms.rows) { return; }
      for (var j = 0; j < B; j = j + 1) { x[j] = w[index * B + j]; }
      for (var i = 0; i < B; i = i + 1) {
        ${choice}
        var error = 0.0;
        if (chosen[i]) {
          error = x[i] / u[i * B + i];
          x[i] = 0.0;
          for (var k = i + 1; k < B; k = k + 1) { x[k] = x[k] - error * u[i * B + k]; }
        }
        result[index * 2 * B + i] = x[i];
        result[index * 2 * B + B + i] = error;
      }`,
  });
  return {
    weights: tf.slice(both, [0, 0], [rows, b]),
    errors: tf.slice(both, [0, b], [rows, b]),
  };
}

const READ_MASK = "chosen[i] = mask[index * B + i] == 1;";

const CHOOSE_GROUP = `
  if (i % uniforms.group == 0) {
    for (var j = i; j < i + uniforms.group; j = j + 1) {
      let own = score(j);
      var rank = 0;
      for (var k = i; k < i + uniforms.group; k = k + 1) {
        let other = score(k);
        if (other < own || (other == own && k < j)) { rank = rank + 1; }
      }
      chosen[j] = rank < uniforms.count;
    }
  }`;
