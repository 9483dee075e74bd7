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

function countNonFinite(values: Float32Array): number {
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

/**
 * All tensors of layer `i`; the caller disposes them with {@link disposeLayer}.
 * @throws model/non-finite-weights naming the tensor
 */
export async function readLayer(
  checkpoint: Checkpoint,
  config: ModelConfig,
  i: number,
): Promise<DecoderLayer> {
  const matrices: Partial<Record<Role, tf.Tensor2D>> = {};
  const biases: Partial<Record<Role, tf.Tensor1D>> = {};
  for (const role of ROLES) {
    const { name, ...rows } = weightPlace(config, i, role);
    const values = await checkpoint.readFloats(name, rows);
    matrices[role] = tf.tensor2d(values, [...matrixShape(role, config.shape)]);
    if (config.biases.includes(role)) {
      biases[role] = await readVector(checkpoint, biasName(i, role));
    }
  }
  const whole = matrices as Record<Role, tf.Tensor2D>;
  await checkFinite(whole, checkpoint, config, i);
  return {
    matrices: whole,
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

/** Sums of magnitudes, on the device: one number a matrix tells whether its values must be looked at. */
async function checkFinite(
  matrices: DecoderLayer["matrices"],
  checkpoint: Checkpoint,
  config: ModelConfig,
  layer: number,
): Promise<void> {
  const stacked = tf.tidy(() => tf.stack(ROLES.map((role) => sumOfMagnitudes(matrices[role]))));
  const sums = await stacked.data<"float32">();
  stacked.dispose();
  for (const [at, role] of ROLES.entries()) {
    if (Number.isFinite(sums[at])) continue;
    const { name } = weightPlace(config, layer, role);
    const bad = countNonFinite(await matrices[role].data<"float32">());
    if (bad === 0) continue;
    tf.dispose(Object.values(matrices));
    const file = checkpoint.tensors.get(name)?.file ?? checkpoint.root;
    throw nonFiniteWeights(file, name, bad);
  }
}

/**
 * A number that is not finite if any of `x` is not. By magnitudes: a sum of them carries NaN and Inf on every backend,
 * where `isNaN` may be optimised away by a shader compiler, and overflows only beyond any sane tensor.
 */
function sumOfMagnitudes(x: tf.Tensor): tf.Scalar {
  return tf.tidy(() => tf.sum(tf.abs(x)));
}

/** The same tensors once more, to be disposed on their own. */
export function clonedLayer(layer: DecoderLayer): DecoderLayer {
  const { headNorms } = layer;
  const each = <T extends Readonly<Record<string, tf.Tensor>>>(tensors: T): T =>
    Object.fromEntries(Object.entries(tensors).map(([key, t]) => [key, t.clone()])) as unknown as T;
  return {
    matrices: each(layer.matrices),
    biases: each(layer.biases),
    inputNorm: layer.inputNorm.clone(),
    postAttentionNorm: layer.postAttentionNorm.clone(),
    headNorms: headNorms && each(headNorms),
    entry: layer.entry?.clone() ?? null,
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
