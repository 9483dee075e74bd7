/** Checkpoint bytes → tensors on the device, one layer at a time, refusing NaN and Inf at the door. */
import * as tf from "@tensorflow/tfjs-core";
import type { Checkpoint } from "../checkpoint/index.ts";
import { matrixShape, ROLES, type Role } from "../vocabulary.ts";
import type { ModelConfig } from "./config.ts";
import type { DecoderLayer } from "./decoder.ts";
import { nonFiniteWeights } from "./errors.ts";
import {
  biasName,
  boundaryName,
  headNormName,
  inputNormName,
  postAttentionNormName,
  weightPlace,
} from "./tensors.ts";

/** @throws model/non-finite-weights naming the tensor */
export async function readFiniteFloats(
  checkpoint: Checkpoint,
  name: string,
  rows?: { rowStart: number; rowEnd: number },
): Promise<Float32Array> {
  const values = await checkpoint.readFloats(name, rows);
  const bad = countNonFinite(values);
  if (bad > 0) {
    throw nonFiniteWeights(checkpoint.tensors.get(name)?.file ?? checkpoint.root, name, bad);
  }
  return values;
}

export function countNonFinite(values: Float32Array): number {
  // x − x is 0 for a finite x and NaN otherwise, so one addition per value finds whether there is anything to count.
  let sum = 0;
  for (const x of values) sum += x - x;
  return sum === 0 ? 0 : values.reduce((n, x) => n + (Number.isFinite(x) ? 0 : 1), 0);
}

export async function readVector(checkpoint: Checkpoint, name: string): Promise<tf.Tensor1D> {
  return tf.tensor1d(await readFiniteFloats(checkpoint, name));
}

export async function readMatrix(checkpoint: Checkpoint, name: string): Promise<tf.Tensor2D> {
  const values = await readFiniteFloats(checkpoint, name);
  const shape = checkpoint.tensors.get(name)?.shape ?? [];
  return tf.tensor2d(values, [shape[0] ?? 0, shape[1] ?? 0]);
}

/** All tensors of layer `i`; the caller disposes them with {@link disposeLayer}. */
export async function readLayer(
  checkpoint: Checkpoint,
  config: ModelConfig,
  i: number,
): Promise<DecoderLayer> {
  const matrices: Partial<Record<Role, tf.Tensor2D>> = {};
  const biases: Partial<Record<Role, tf.Tensor1D>> = {};
  for (const role of ROLES) {
    const { name, ...rows } = weightPlace(config, i, role);
    const values = await readFiniteFloats(checkpoint, name, rows);
    matrices[role] = tf.tensor2d(values, [...matrixShape(role, config.shape)]);
    if (config.biases.includes(role)) {
      biases[role] = await readVector(checkpoint, biasName(i, role));
    }
  }
  return {
    matrices: matrices as Record<Role, tf.Tensor2D>,
    biases,
    inputNorm: await readVector(checkpoint, inputNormName(i)),
    postAttentionNorm: await readVector(checkpoint, postAttentionNormName(i)),
    headNorms: config.headNorms
      ? {
          q: await readVector(checkpoint, headNormName(i, "q")),
          k: await readVector(checkpoint, headNormName(i, "k")),
        }
      : null,
    entry: config.boundaries.includes(i) ? await readMatrix(checkpoint, boundaryName(i)) : null,
  };
}

export function disposeLayer(layer: DecoderLayer): void {
  tf.dispose([
    ...Object.values(layer.matrices),
    ...Object.values(layer.biases),
    layer.inputNorm,
    layer.postAttentionNorm,
    ...Object.values(layer.headNorms ?? {}),
  ]);
  layer.entry?.dispose();
}
