/**
 * What the importance of single weights is computed from when a person zooms into a finished layer: `heatmaps/` in the
 * work folder, and from the commit on in the output. Weights are not in it; they are read from the dense checkpoint
 * and from the output.
 *
 *     layer-00003.safetensors      the layer's column weights, norm gains, R2 and order of neurons
 *     rotation-00003.safetensors   R1 of the scope that begins with layer 3, float16
 *
 * `daemon/tiles/importance.ts` says how they go together.
 */
import type * as tf from "@tensorflow/tfjs-core";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beside, together } from "../backend/index.ts";
import {
  encodeFloats,
  writeSafetensors,
  type CheckpointWriter,
  type TensorData,
} from "../checkpoint/index.ts";
import {
  columnWeights,
  disposeRotation,
  identityRotation,
  type LayerMetric,
  type Rotation,
} from "../method/index.ts";
import { inputNormName, postAttentionNormName, weightPlace } from "../model/index.ts";
import { HEATMAPS, heatmapPath, keptPath, numberedFile } from "../runFiles.ts";
import { INPUT_KINDS, ROLES, type InputKind } from "../vocabulary.ts";
import { inStep } from "./inStep.ts";
import { storedBytes } from "./rounding.ts";
import type { Run } from "./run.ts";

const rotationFile = (first: number): string => numberedFile("rotation", first, "safetensors");

export interface HeatmapFacts {
  /** Of the dense layer. */
  readonly denseMetric: LayerMetric;
  /** Of the layer with its neurons in their new order. */
  readonly metric: LayerMetric;
  readonly rotation: Rotation;
  readonly neurons: Int32Array | null;
}

/**
 * When it resolves the tensors have served: what they hold has been asked of the device, and goes to the disk from there.
 *
 * @param first layer of its scope
 * @returns `written` settles when it is there, which must be before the layer counts as finished
 */
export async function writeHeatmapFile(
  run: Run,
  layer: number,
  first: number,
  { denseMetric, metric, rotation, neurons }: HeatmapFacts,
): Promise<{ readonly written: Promise<void> }> {
  const { config, checkpoint } = run.model;
  const { shape } = config;
  const folder = join(run.work.path, HEATMAPS);
  await mkdir(folder, { recursive: true });
  const rotated = run.recipe.rotation.kind !== "none";
  const identity = identityRotation(shape);
  const gain = async (kind: string, name: string): Promise<TensorData> =>
    vector(`gain.${kind}`, await checkpoint.readFloats(name));
  const asked = together([
    ...columns("before", denseMetric, identity, run),
    ...columns("after", metric, rotation, run),
    gain("qkv", inputNormName(layer)),
    gain("mlp", postAttentionNormName(layer)),
    ...(neurons ? [Promise.resolve(vector("neurons", Float32Array.from(neurons)))] : []),
    ...(rotated ? [floats("r2", "F32", rotation.r2)] : []),
  ]);
  const basis = rotated && layer === first ? floats("r1", "F16", rotation.r1) : null;
  disposeRotation(identity);
  await inStep(together([asked, basis]));
  const places = Object.fromEntries(ROLES.map((role) => [role, weightPlace(config, layer, role)]));
  const facts = {
    shape,
    places,
    rotation: rotated ? rotationFile(first) : null,
    dense: keptPath(checkpoint.root),
  };
  const write = async (): Promise<void> => {
    const [tensors, r1] = await Promise.all([asked, basis]);
    if (r1) await writeSafetensors(join(folder, rotationFile(first)), [r1]);
    const heatmap = JSON.stringify(facts);
    await writeSafetensors(heatmapPath(run.work.path, layer), tensors, { heatmap });
  };
  return { written: beside(write()) };
}

/** Into the output, as they are. */
export async function writeHeatmaps(run: Run, writer: CheckpointWriter): Promise<void> {
  const folder = join(run.work.path, HEATMAPS);
  // A run that an earlier version began has none for its first layers.
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((one) => one.endsWith(".safetensors")).toSorted()) {
    run.signal.throwIfAborted();
    await writer.writeFile(join(HEATMAPS, name), await readFile(join(folder, name)));
  }
}

function columns(
  side: "before" | "after",
  metric: LayerMetric,
  rotation: Rotation,
  run: Run,
): Promise<TensorData>[] {
  const weights = columnWeights(metric, rotation, run.model.config.shape);
  const read = async (kind: InputKind): Promise<TensorData> => {
    const values = await weights[kind].data<"float32">();
    weights[kind].dispose();
    return vector(`${side}.${kind}`, values);
  };
  return INPUT_KINDS.map((kind) => beside(read(kind)));
}

const vector = (name: string, values: Float32Array): TensorData => ({
  name,
  dtype: "F32",
  shape: [values.length],
  // A copy: the values may be the backend's own memory.
  data: encodeFloats("F32", values.slice()),
});

const floats = async (name: string, dtype: "F32" | "F16", t: tf.Tensor): Promise<TensorData> => ({
  name,
  dtype,
  shape: t.shape,
  data: await storedBytes(dtype, t.clone()),
});
