/** Checkpoint bytes → tensors on the device, one layer at a time, refusing NaN and Inf at the door. */
import * as tf from "@tensorflow/tfjs-core";
import { allOrNothing } from "../backend/index.ts";
import type { Checkpoint, RowRange } from "../checkpoint/index.ts";
import { ROLES, type Role } from "../vocabulary.ts";
import type { ModelConfig } from "./config.ts";
import type { DecoderLayer } from "./decoder.ts";
import { checkFiniteTensors, checkFiniteValues } from "./finite.ts";
import { readInTurn, readMatrix } from "./rows.ts";
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
  rows?: RowRange,
): Promise<Float32Array> {
  const values = await checkpoint.readFloats(name, rows);
  checkFiniteValues(checkpoint, name, values);
  return values;
}

export async function readVector(checkpoint: Checkpoint, name: string): Promise<tf.Tensor1D> {
  return tf.tensor1d(await readFiniteFloats(checkpoint, name));
}

/**
 * All tensors of layer `i`; the caller disposes them with {@link disposeLayer}.
 * @throws model/non-finite-weights naming the tensor
 */
export function readLayer(
  checkpoint: Checkpoint,
  config: ModelConfig,
  i: number,
): Promise<DecoderLayer> {
  return allOrNothing(() => readTensors(checkpoint, config, i));
}

async function readTensors(
  checkpoint: Checkpoint,
  config: ModelConfig,
  i: number,
): Promise<DecoderLayer> {
  const places = ROLES.map((role) => weightPlace(config, i, role));
  const read = await readInTurn(checkpoint, places);
  await checkFiniteTensors(
    checkpoint,
    read.map((matrix, at) => [places[at]?.name ?? "", matrix]),
  );
  const matrices = Object.fromEntries(ROLES.map((role, at) => [role, read[at]]));
  const biases: Partial<Record<Role, tf.Tensor1D>> = {};
  for (const role of config.biases) {
    biases[role] = await readVector(checkpoint, biasName(i, role));
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
