/**
 * The middle of a run: scope by scope, layer by layer, from the embedded calibration windows to a finished layer file
 * each. Where files are there already (a resumed run), it goes on behind them.
 */
import type * as tf from "@tensorflow/tfjs-core";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { allOrNothing } from "../backend/index.ts";
import { disposeRotation, type Rotation } from "../method/index.ts";
import type { Fallback, LayerReport } from "../report.ts";
import { openStream, type StreamReader, type StreamShape } from "./activations.ts";
import { corruptWork } from "./errors.ts";
import { embed } from "./evaluate.ts";
import { finishLayer, type Boundary } from "./finishLayer.ts";
import { withLayerFile, type SelfTestStreams } from "./layerFile.ts";
import { scopes } from "./recipe.ts";
import type { Run } from "./run.ts";
import { learnScope } from "./scopeRotation.ts";
import { selfTestIds, startSelfTest } from "./selfTest.ts";

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
  try {
    for (const [first, end] of scopes(run.recipe.rotation, layers)) {
      if (end <= finished) continue;
      const input = boundary.stream ? { stream: boundary.stream, basis: boundary.basis } : null;
      const scope = await allOrNothing(() => learnScope(run, { first, end }, input));
      try {
        for (let i = Math.max(first, finished); i < end; i++) {
          const before = boundary;
          boundary = await allOrNothing(() => finishLayer(run, i, { first, end }, scope, before));
        }
      } finally {
        scope.dispose();
      }
      // What several layers were made from stays until the last of them is on disk.
      if (end - first > 1) await boundary.settled;
      await rm(run.work.rotation(first), { force: true });
    }
    await boundary.settled;
  } finally {
    await boundary.settled.catch(() => undefined);
    await boundary.stream?.close();
    boundary.basis?.dispose();
  }
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
    const stream = await calibrationStream(run, windows, 0);
    try {
      const selfTest = await startSelfTest(run.model, selfTestIds(run.model, windows?.[0] ?? null));
      return { stream, basis: null, selfTest, settled: Promise.resolve() };
    } catch (error) {
      await stream?.close();
      throw error;
    }
  }
  const { rotation, selfTest } = await withLayerFile(run.work.layer(i - 1), async (file) => ({
    rotation: await file.readRotation(),
    selfTest: await file.readStreams(),
  }));
  rotation.r2.dispose();
  const rotated = run.recipe.rotation.kind !== "none";
  if (!rotated) rotation.r1.dispose();
  const stream = await calibrationStream(run, windows, i);
  return { stream, basis: rotated ? rotation.r1 : null, selfTest, settled: Promise.resolve() };
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

/** Reads back from the layer files what the end of a run needs. */
async function gather(run: Run, layers: number) {
  const reports: LayerReport[] = [];
  const fallbacks: Fallback[] = [];
  let firstR1: tf.Tensor2D | null = null;
  let lastRotation: Rotation | null = null;
  for (let i = 0; i < layers; i++) {
    const { finished, rotation } = await withLayerFile(run.work.layer(i), async (file) => ({
      finished: file.finished,
      rotation: i === 0 || i === layers - 1 ? await file.readRotation() : null,
    }));
    reports.push(finished.report);
    fallbacks.push(...finished.fallbacks);
    if (!rotation) continue;
    firstR1 ??= rotation.r1.clone();
    if (i === layers - 1) lastRotation = rotation;
    else disposeRotation(rotation);
  }
  if (!firstR1 || !lastRotation) throw new RangeError("a model has at least one layer");
  return { reports, fallbacks, firstR1, lastRotation };
}
