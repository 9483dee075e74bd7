/**
 * The middle of a run: scope by scope, layer by layer, from the embedded calibration windows to a finished layer file
 * each. Where files are there already (a resumed run), it goes on behind them.
 */
import type * as tf from "@tensorflow/tfjs-core";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import {
  createLayerProblem,
  disposeRotation,
  identityRotation,
  measure,
  type LayerMatrices,
  type LayerMetric,
  type Rotation,
} from "../method/index.ts";
import { disposeLayer } from "../model/index.ts";
import type { Fallback, LayerReport } from "../report.ts";
import { matrixShape, ROLES, type Role } from "../vocabulary.ts";
import { createStream, openStream, type StreamReader, type StreamShape } from "./activations.ts";
import { propagate } from "./collect.ts";
import { readFoldedLayer } from "./denseLayer.ts";
import { embed } from "./evaluate.ts";
import { openLayerFile, writeLayerFile, type SelfTestStreams } from "./layerFile.ts";
import { corruptWork } from "./errors.ts";
import { cellsFor, matrixReports, picturesAfter, picturesBefore } from "./matrixReport.ts";
import { pruneLayer, rotatedLayer } from "./pruneLayer.ts";
import { scopes } from "./recipe.ts";
import { fallbackLog, type Run } from "./run.ts";
import { learnScope, type Scope, type ScopeRotation } from "./scopeRotation.ts";
import { advanceSelfTest, startSelfTest } from "./selfTest.ts";

/** What layer i hands to layer i + 1. */
interface Boundary {
  /** Residual stream entering the layer; null for magnitude, which looks at no activations. */
  stream: StreamReader | null;
  /** R1 of the layer before, in whose basis the stream is; null before the first layer. */
  basis: tf.Tensor2D | null;
  selfTest: SelfTestStreams;
}

export interface LayersResult {
  readonly reports: readonly LayerReport[];
  readonly fallbacks: readonly Fallback[];
  /** R1 of the first and the last layer, for the ends; disposed by the caller. */
  readonly firstR1: tf.Tensor2D;
  readonly lastRotation: Rotation;
  readonly selfTest: SelfTestStreams;
}

/** @param windows calibration windows; null for magnitude */
export async function pruneLayers(
  run: Run,
  windows: readonly Int32Array[] | null,
): Promise<LayersResult> {
  const { layers } = run.model.config;
  const finished = countFinished(run);
  for (let i = 0; i < finished; i++) run.progress.skip(i);
  if (finished > 0) run.listener({ type: "resumed", layers: finished });

  let boundary = await enter(run, windows, finished);
  for (const [first, end] of scopes(run.recipe.rotation, layers)) {
    if (end <= finished) continue;
    const input = boundary.stream ? { stream: boundary.stream, basis: boundary.basis } : null;
    const scope = await learnScope(run, { first, end }, input);
    for (let i = Math.max(first, finished); i < end; i++) {
      boundary = await finishLayer(run, i, { first, end }, scope, boundary);
    }
    scope.dispose();
    await rm(run.work.rotation(first), { force: true });
  }
  await boundary.stream?.close();
  boundary.basis?.dispose();
  return { ...(await gather(run, layers)), selfTest: boundary.selfTest };
}

function countFinished(run: Run): number {
  let count = 0;
  while (count < run.model.config.layers && existsSync(run.work.layer(count))) count++;
  return count;
}

/** The state before layer `i`, from files or by computing again what is missing. */
async function enter(
  run: Run,
  windows: readonly Int32Array[] | null,
  i: number,
): Promise<Boundary> {
  if (i === 0) {
    return {
      stream: await calibrationStream(run, windows, 0),
      basis: null,
      selfTest: await startSelfTest(run.model, windows?.[0] ?? null),
    };
  }
  const file = await openLayerFile(run.work.layer(i - 1));
  const rotation = await file.readRotation();
  const selfTest = await file.readStreams();
  await file.close();
  rotation.r2.dispose();
  return { stream: await calibrationStream(run, windows, i), basis: rotation.r1, selfTest };
}

/** The stream that enters layer `i`: embedded for the first, else left by the layer before. */
async function calibrationStream(
  run: Run,
  windows: readonly Int32Array[] | null,
  i: number,
): Promise<StreamReader | null> {
  if (!windows || i >= run.model.config.layers) return null;
  const path = run.work.stream(i);
  const saved = await openStream(path, streamShape(run, windows.length));
  if (saved) return saved;
  if (i > 0) throw corruptWork(path, "is missing");
  run.progress.start("embed");
  return embed(run.model, windows, path, run.signal);
}

const streamShape = (run: Run, windows: number): StreamShape => ({
  windows,
  seqLen: run.recipe.seqLen,
  d: run.model.config.shape.d,
});

async function finishLayer(
  run: Run,
  i: number,
  { first, end }: Scope,
  scope: ScopeRotation,
  before: Boundary,
): Promise<Boundary> {
  const { model, recipe, progress, signal, context } = run;
  const { shape } = model.config;
  const rotation = scope.rotations[i - first];
  if (!rotation) throw new RangeError(`layer ${i} is not of scope ${first}–${end - 1}`);
  const cells = cellsFor(model.config.layers);
  const { log, note } = fallbackLog(run);
  progress.start("prune", i);

  const folded = await readFoldedLayer(model, i);
  const rotated = rotatedLayer(run, folded, rotation, before.basis, i === first);
  const selfTest = advanceSelfTest(model, before.selfTest, i, folded, rotated);
  const metric = await scope.metrics.load(i);
  const dense = await describeDense(run, folded.matrices, metric, rotation);
  disposeLayer(folded);

  const pruned = await pruneLayer(run, i, rotated, before.stream, note);
  const pictures = await picturesAfter(
    rotated.matrices,
    metric,
    rotation,
    shape,
    pruned.written,
    cells,
  );
  disposeLayer(rotated);
  scope.metrics.release(metric);
  await scope.metrics.drop(i);

  let stream: StreamReader | null = null;
  if (before.stream && i + 1 < model.config.layers) {
    progress.start("propagate", i);
    const target = await createStream(run.work.stream(i + 1), before.stream.shape);
    const onProgress = (share: number) => {
      progress.at(share);
    };
    await propagate(before.stream, target, {
      layer: pruned.layer,
      index: i,
      context,
      signal,
      onProgress,
    });
    stream = await target.commit();
  }
  disposeLayer(pruned.layer);

  const matrices = matrixReports({
    before: dense.before,
    after: { figures: dense.after, pictures },
    written: pruned.written,
    cells,
    shapes: Object.fromEntries(ROLES.map((role) => [role, matrixShape(role, shape)])) as Record<
      Role,
      readonly [number, number]
    >,
  });
  const meanShare = (side: "before" | "after") =>
    ROLES.reduce((sum, role) => sum + matrices[role].prunedMass[side], 0) / ROLES.length;
  const report: LayerReport = {
    index: i,
    entropy: { before: dense.before.figures.entropy, after: dense.after.entropy },
    prunedMass: { before: meanShare("before"), after: meanShare("after") },
    matrices,
    curve: scope.curve,
  };
  const fallbacks = i === first ? [...scope.fallbacks, ...log] : log;
  const file = run.work.layer(i);
  await writeLayerFile(file, pruned.stored, rotation, selfTest, { report, fallbacks });
  // Only now: a run killed before this line begins layer i again, from its own stream.
  await before.stream?.close();
  await rm(run.work.stream(i), { force: true });
  before.basis?.dispose();
  run.listener({ type: "layer", report });
  const basis = recipe.rotation.kind === "none" ? null : rotation.r1.clone();
  return { stream, basis, selfTest };
}

/** Figures of the dense layer before and after its rotation, and the pictures of before. */
async function describeDense(
  run: Run,
  matrices: LayerMatrices,
  metric: LayerMetric,
  rotation: Rotation,
) {
  const { shape } = run.model.config;
  const { pattern } = run.recipe;
  const problem = createLayerProblem(matrices, metric, shape, pattern);
  const identity = identityRotation(shape);
  const before = await measure(problem, identity);
  const after = await measure(problem, rotation);
  problem.dispose();
  disposeRotation(identity);
  const pictures = await picturesBefore(
    matrices,
    metric,
    shape,
    pattern,
    cellsFor(run.model.config.layers),
  );
  return { before: { figures: before, pictures }, after };
}

/** Reads back from the layer files what the end of a run needs. */
async function gather(run: Run, layers: number) {
  const reports: LayerReport[] = [];
  const fallbacks: Fallback[] = [];
  let firstR1: tf.Tensor2D | null = null;
  let lastRotation: Rotation | null = null;
  for (let i = 0; i < layers; i++) {
    const file = await openLayerFile(run.work.layer(i));
    reports.push(file.finished.report);
    fallbacks.push(...file.finished.fallbacks);
    if (i === 0 || i === layers - 1) {
      const rotation = await file.readRotation();
      firstR1 ??= rotation.r1.clone();
      if (i === layers - 1) lastRotation = rotation;
      else disposeRotation(rotation);
    }
    await file.close();
  }
  if (!firstR1 || !lastRotation) throw new RangeError("a model has at least one layer");
  return { reports, fallbacks, firstR1, lastRotation };
}
