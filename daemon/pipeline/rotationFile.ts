/** A learned rotation on disk, kept for scopes of several layers until all of them are pruned. */
import * as tf from "@tensorflow/tfjs-core";
import { z } from "zod";
import {
  encodeFloats,
  expectArray,
  openCheckpoint,
  writeSafetensors,
  type Checkpoint,
  type TensorData,
} from "../checkpoint/index.ts";
import type { Rotation } from "../method/index.ts";
import type { CurvePoint, Fallback } from "../report.ts";
import { OBJECTIVES, ROLES } from "../vocabulary.ts";
import { corruptWork } from "./errors.ts";

export interface SavedRotation {
  /** R2 of the scope's layers one after the other. */
  readonly rotation: Rotation;
  /** New order of each layer's FFN neurons; null where they keep their places. */
  readonly neurons: readonly Int32Array[] | null;
  readonly curve: readonly CurvePoint[];
  readonly fallbacks: readonly Fallback[];
}

const learningSchema = z.object({
  curve: z.array(
    z.object({
      step: z.number(),
      objective: z.enum(OBJECTIVES),
      loss: z.number(),
      entropy: z.number().optional(),
    }),
  ),
  fallbacks: z.array(
    z.object({ layer: z.number(), role: z.enum([...ROLES, "rotation"]), what: z.string() }),
  ),
});

export async function writeRotationFile(path: string, saved: SavedRotation): Promise<void> {
  const { rotation, neurons, curve, fallbacks } = saved;
  const tensors: TensorData[] = [];
  for (const [name, t] of rotationParts(rotation)) {
    tensors.push({ name, dtype: "F32", shape: t.shape, data: await floatBytes(t) });
  }
  if (neurons) {
    // Places are whole numbers far below 2²⁴: exact as float32.
    const data = encodeFloats("F32", Float32Array.from(neurons.flatMap((order) => [...order])));
    const shape = [neurons.length, neurons[0]?.length ?? 0];
    tensors.push({ name: NEURONS, dtype: "F32", shape, data });
  }
  await writeSafetensors(path, tensors, { learning: JSON.stringify({ curve, fallbacks }) });
}

/** @throws pipeline/corrupt-work */
export async function readRotationFile(path: string): Promise<SavedRotation> {
  const file = await openCheckpoint(path);
  try {
    const learning = learningSchema.parse(JSON.parse(file.metadata.learning ?? ""));
    return { rotation: await readRotation(file), neurons: await readNeurons(file), ...learning };
  } catch (cause) {
    throw corruptWork(path, cause instanceof Error ? cause.message : "unreadable");
  } finally {
    await file.close();
  }
}

const R1 = "work.r1";
const R2 = "work.r2";
const NEURONS = "work.neurons";

async function readNeurons(file: Checkpoint): Promise<Int32Array[] | null> {
  const entry = file.tensors.get(NEURONS);
  if (!entry) return null;
  const values = Int32Array.from(await file.readFloats(NEURONS));
  const [layers = 0, ffn = 0] = entry.shape;
  return Array.from({ length: layers }, (_, i) => values.slice(i * ffn, (i + 1) * ffn));
}

/** Its tensors by the names that {@link readRotation} knows. */
export const rotationParts = ({ r1, r2 }: Rotation): readonly (readonly [string, tf.Tensor])[] => [
  [R1, r1],
  [R2, r2],
];

export async function readRotation(file: Checkpoint): Promise<Rotation> {
  return {
    r1: (await readTensor(file, R1)) as tf.Tensor2D,
    r2: (await readTensor(file, R2)) as tf.Tensor3D,
  };
}

/** As a file holds them; asked of the device before it returns its promise. */
export async function floatBytes(t: tf.Tensor): Promise<Uint8Array> {
  expectArray(4 * t.size);
  return encodeFloats("F32", await t.data<"float32">());
}

/** @throws pipeline/corrupt-work */
export async function readTensor(file: Checkpoint, name: string): Promise<tf.Tensor> {
  const entry = file.tensors.get(name);
  if (!entry) throw corruptWork(file.files[0]?.path ?? file.root, `tensor ${name} is missing`);
  return tf.tensor(await file.readFloats(name), [...entry.shape]);
}
