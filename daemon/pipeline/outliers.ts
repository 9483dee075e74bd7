/**
 * The ratios of a run's layers. For OWL the dense model is passed through once, layer by layer, before anything is
 * pruned; what comes of it is kept in the work folder, so that a resumed run prunes by the same ratios.
 */
import * as tf from "@tensorflow/tfjs-core";
import { readFile, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { z } from "zod";
import { disposeLayer, readLayer, type DecoderLayer } from "../model/index.ts";
import { INPUT_KINDS, INPUT_OF, ROLES, type InputKind } from "../vocabulary.ts";
import { openStream, writeStream, type StreamReader, type StreamWriter } from "./activations.ts";
import { propagate } from "./collect.ts";
import { corruptWork } from "./errors.ts";
import { embed } from "./evaluate.ts";
import { outlierRatio, owlRatios } from "./profile.ts";
import type { Run } from "./run.ts";
import { writeJson } from "./workFolder.ts";

/** What there is of a run before its budget is known. */
type Unbudgeted = Omit<Run, "budget">;

/**
 * @param windows calibration windows; null for magnitude, which no profile of activations goes with
 * @returns share to delete in every layer; null where all are pruned alike
 * @throws pipeline/corrupt-work, model/non-finite-activations
 */
export async function layerRatios(
  run: Unbudgeted,
  windows: readonly Int32Array[] | null,
): Promise<readonly number[] | null> {
  const { profile, pattern } = run.recipe;
  switch (profile.kind) {
    case "uniform":
      return null;
    case "file":
      return profile.ratios;
    case "owl": {
      if (pattern.kind === "nm" || windows === null) {
        throw new RangeError("OWL needs an unstructured share and calibration windows");
      }
      const file = run.work.scratch("profile.json");
      if (existsSync(file)) return readRatios(file, run.model.config.layers);
      const outliers = await measureOutliers(run, windows);
      const ratios = owlRatios(outliers, pattern.share);
      await writeJson(file, { outliers, ratios });
      return ratios;
    }
    default:
      return profile satisfies never;
  }
}

async function readRatios(file: string, layers: number): Promise<readonly number[]> {
  const schema = z.object({ ratios: z.array(z.number().gt(0).lt(1)).length(layers) });
  try {
    return schema.parse(JSON.parse(await readFile(file, "utf8"))).ratios;
  } catch (cause) {
    throw corruptWork(file, cause instanceof SyntaxError ? "is not JSON" : "has no ratios");
  }
}

/** D of every layer of the dense model. */
async function measureOutliers(run: Unbudgeted, windows: readonly Int32Array[]): Promise<number[]> {
  const { model, recipe, work, progress } = run;
  const { layers, shape } = model.config;
  const streamShape = { windows: windows.length, seqLen: recipe.seqLen, d: shape.d };
  const scratch = (i: number) => work.scratch(`profile-${i % 2}.f32`);
  progress.start("collect");
  const first = work.stream(0);
  let stream =
    (await openStream(first, streamShape)) ?? (await embed(model, windows, first, run.signal));
  const outliers: number[] = [];
  try {
    for (let i = 0; i < layers; i++) {
      const layer = await readLayer(model.checkpoint, model.config, i);
      const source = stream;
      const through = async (target: StreamWriter) => {
        const norms = await passThrough(run, i, layer, source, target);
        outliers.push(await layerOutliers(layer, norms));
      };
      const options = { scratch: true };
      const next = await writeStream(scratch(i), streamShape, through, options).finally(() => {
        disposeLayer(layer);
      });
      await source.close();
      stream = next;
    }
  } finally {
    await stream.close();
  }
  await rm(scratch(0), { force: true });
  await rm(scratch(1), { force: true });
  return outliers;
}

type InputNorms = Readonly<Record<InputKind, Float64Array>>;

/** Passes the stream through the layer. @returns `‖x_j‖₂` of its inputs over all tokens */
async function passThrough(
  { model, context, signal, progress }: Unbudgeted,
  index: number,
  layer: DecoderLayer,
  stream: StreamReader,
  target: StreamWriter,
): Promise<InputNorms> {
  const { layers } = model.config;
  const squares = new Map<InputKind, tf.Tensor1D>();
  const see = (kind: InputKind, input: tf.Tensor2D): void => {
    const before = squares.get(kind);
    const sum = tf.tidy(() => {
      const own = tf.sum<tf.Tensor1D>(tf.square(input), 0);
      return tf.keep(before ? tf.add<tf.Tensor1D>(before, own) : own);
    });
    before?.dispose();
    squares.set(kind, sum);
  };
  const onProgress = (share: number) => {
    progress.at((index + share) / layers);
  };
  try {
    await propagate(stream, target, { layer, index, context, signal, onProgress, last: true }, see);
    const norms: Partial<Record<InputKind, Float64Array>> = {};
    for (const kind of INPUT_KINDS) {
      const sums = (await squares.get(kind)?.data<"float32">()) ?? new Float32Array();
      norms[kind] = Float64Array.from(sums, Math.sqrt);
    }
    return norms as InputNorms;
  } finally {
    for (const sum of squares.values()) sum.dispose();
  }
}

async function layerOutliers(layer: DecoderLayer, norms: InputNorms): Promise<number> {
  const matrices = [];
  for (const role of ROLES) {
    const weights = await layer.matrices[role].data<"float32">();
    matrices.push({ weights, inputNorms: norms[INPUT_OF[role]] });
  }
  return outlierRatio(matrices);
}
