/** One layer from its learned rotation to its file: fold, prune, pass the stream on, describe, write. */
import type * as tf from "@tensorflow/tfjs-core";
import { rm } from "node:fs/promises";
import { beside, releaseSpare, together } from "../backend/index.ts";
import {
  measure,
  permuteMetric,
  type LayerFigures,
  type LayerMatrices,
  type LayerMetric,
  type Rotation,
} from "../method/index.ts";
import { disposeLayer, type DecoderLayer } from "../model/index.ts";
import type { LayerReport } from "../report.ts";
import { ROLES } from "../vocabulary.ts";
import { writeStream, type StreamReader } from "./activations.ts";
import { propagate } from "./collect.ts";
import { reorderedLayer } from "./denseLayer.ts";
import { writeHeatmapFile } from "./heatmapFile.ts";
import { inStep } from "./inStep.ts";
import { LayerFileWriter, type SelfTestStreams } from "./layerFile.ts";
import {
  cellsFor,
  matrixReports,
  picturesBefore,
  PrunedPictures,
  type LayerFacts,
} from "./matrixReport.ts";
import { pruneLayer, rotatedLayer } from "./pruneLayer.ts";
import { fallbackLog, type Run } from "./run.ts";
import type { Scope } from "./scopeLayers.ts";
import type { ScopeRotation } from "./scopeRotation.ts";
import { advance } from "./selfTest.ts";

/** What layer i hands to layer i + 1. */
export interface Boundary {
  /** Residual stream entering the layer; null for magnitude, which looks at no activations. */
  readonly stream: StreamReader | null;
  /** R1 of the layer before, in whose basis the stream is; null before the first layer. */
  readonly basis: tf.Tensor2D | null;
  readonly selfTest: SelfTestStreams;
  /** The layer before is on disk, and what it was made from is gone. Rejects where that failed. */
  readonly settled: Promise<void>;
}

/**
 * Takes the boundary over, and returns the next layer's. Its files reach the disk while the next layer is worked on;
 * until they have, nothing is removed that the layer can be made from again. To be called within `allOrNothing`: where
 * it fails, it gives up its files only.
 */
export async function finishLayer(
  run: Run,
  i: number,
  scope: Scope,
  learned: ScopeRotation,
  boundary: Boundary,
): Promise<Boundary> {
  const { model, recipe } = run;
  const { shape } = model.config;
  const rotation = learned.rotations[i - scope.first];
  if (!rotation) throw new RangeError(`layer ${i} is not of scope ${scope.first}–${scope.end - 1}`);
  const { log, note } = fallbackLog(run);
  const cells = cellsFor(model.config.layers);
  run.progress.start("prune", i);

  const dense = await run.dense.take(i);
  // Nothing of the learning is needed any more, and pictures take the host's memory instead.
  releaseSpare();
  const denseMetric = await learned.metrics.load(i);
  // What the report tells is asked for here, and waited for when it is written: the host draws while the device prunes.
  const before = describeBefore(run, i, dense.matrices, denseMetric, cells);
  await inStep(before);
  const denseStream = advance(model, boundary.selfTest.dense, i, dense);

  // From here on the neurons stand in their new order; the self-test shows that this changes nothing.
  const neurons = learned.neurons?.[i - scope.first] ?? null;
  const folded = reorderedLayer(dense, neurons);
  const metric = neurons ? permuteMetric(denseMetric, neurons) : denseMetric;
  const rotated = rotatedLayer(run, folded, rotation, boundary.basis, i === scope.first);
  const figures = figuresOf(run, i, rotated.matrices, metric, rotation);
  await inStep(figures);
  const facts = { denseMetric, metric, rotation, neurons };
  const heatmap = await writeHeatmapFile(run, i, scope.first, facts);
  const taken = new PrunedPictures(metric, rotation, shape, cells);
  if (metric !== denseMetric && metric.method !== "magnitude") metric.down.dispose();
  learned.metrics.release(denseMetric);
  const rotatedStream = advance(model, boundary.selfTest.rotated, i, rotated);
  boundary.basis?.dispose();
  learned.metrics.used(i);

  let file: LayerFileWriter | null = null;
  let stream: StreamReader | null = null;
  try {
    // Never more than one layer is on its way to the disk.
    await boundary.settled;
    file = await LayerFileWriter.begin(run.work.layer(i));
    const pruned = await pruneLayer(run, i, rotated, boundary.stream, {
      note,
      pruned: (role, before, after) => {
        taken.take(role, before, after);
      },
      file,
    });
    await heatmap.written;
    const pictures = taken.finish();
    await inStep(pictures);
    stream = await passOn(run, i, boundary.stream, pruned);
    const prunedStream = advance(model, boundary.selfTest.pruned, i, pruned);
    disposeLayer(pruned);
    const after = { figures: await figures, pictures: await pictures };
    const report = layerReport(run, i, { before: await before, after }, learned);
    const fallbacks = i === scope.first ? [...learned.fallbacks, ...log] : log;
    const selfTest = { dense: denseStream, rotated: rotatedStream, pruned: prunedStream };
    await file.describe(rotation, selfTest, { report, fallbacks });
    const streams = { input: boundary.stream, output: stream };
    const onDisk = settle(run, i, file, streams, learned);
    const settled = beside(
      onDisk.then(() => {
        run.listener({ type: "layer", report });
      }),
    );
    const basis = recipe.rotation.kind === "none" ? null : rotation.r1.clone();
    return { stream, basis, selfTest, settled };
  } catch (error) {
    await Promise.allSettled([file?.abort(), stream?.close()]);
    throw error;
  }
}

interface Streams {
  readonly input: StreamReader | null;
  readonly output: StreamReader | null;
}

/** Everything of layer `i` to the disk, then away with what it was made from. */
async function settle(
  run: Run,
  i: number,
  file: LayerFileWriter,
  { input, output }: Streams,
  learned: ScopeRotation,
): Promise<void> {
  try {
    await output?.durable;
    await file.finish();
  } catch (error) {
    await file.abort();
    throw error;
  } finally {
    await input?.close();
  }
  // Only now: a run killed before this line begins layer i again, from its own stream and metric.
  await learned.metrics.drop(i);
  await rm(run.work.stream(i), { force: true });
}

/** All of it is asked for before anything is waited for: the tensors have served when it returns its promise. */
async function describeBefore(
  run: Run,
  index: number,
  matrices: LayerMatrices,
  metric: LayerMetric,
  cells: number,
): Promise<LayerFacts["before"]> {
  const { shape } = run.model.config;
  const pattern = run.budget.layerPattern(index);
  const [figures, pictures] = await together([
    figuresOf(run, index, matrices, metric, null),
    picturesBefore(matrices, metric, shape, pattern, cells),
  ]);
  return { figures, pictures };
}

function figuresOf(
  run: Run,
  index: number,
  matrices: LayerMatrices,
  metric: LayerMetric,
  rotation: Rotation | null,
): Promise<LayerFigures> {
  const { shape } = run.model.config;
  const pattern = run.budget.layerPattern(index);
  return measure({ matrices, metric, shape, pattern }, rotation);
}

/** The stream that enters layer `i + 1`; null behind the last layer. */
async function passOn(
  run: Run,
  i: number,
  stream: StreamReader | null,
  layer: DecoderLayer,
): Promise<StreamReader | null> {
  if (!stream || i + 1 >= run.model.config.layers) return null;
  const { progress, context, signal } = run;
  progress.start("propagate", i);
  const onProgress = (share: number) => {
    progress.at(share);
  };
  const pass = { layer, index: i, context, signal, onProgress, last: true, attentionStays: true };
  return writeStream(run.work.stream(i + 1), stream.shape, (target) =>
    propagate(stream, target, pass),
  );
}

function layerReport(
  run: Run,
  index: number,
  facts: LayerFacts,
  { curve }: ScopeRotation,
): LayerReport {
  const matrices = matrixReports(facts, run.model.config.shape);
  const meanShare = (side: "before" | "after") =>
    ROLES.reduce((sum, role) => sum + matrices[role].prunedMass[side], 0) / ROLES.length;
  const { before, after } = facts;
  return {
    index,
    entropy: { before: before.figures.entropy, after: after.figures.entropy },
    prunedMass: { before: meanShare("before"), after: meanShare("after") },
    matrices,
    curve,
  };
}
