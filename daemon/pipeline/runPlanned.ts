/**
 * A run whose inputs are read and whose plan is made: from its work folder through the layers to an output that
 * appears under its name.
 */
import { allOrNothing } from "../backend/index.ts";
import {
  CheckpointWriter,
  fingerprint,
  isWeightDType,
  type WeightDType,
} from "../checkpoint/index.ts";
import { disposeRotation } from "../method/index.ts";
import { disposeContext, sequenceContext, type Model } from "../model/index.ts";
import type { Recipe, RunReport } from "../report.ts";
import { VERSION } from "../version.ts";
import { writeCompanions, writeCopies, writeLayers } from "./commit.ts";
import { FoldedLayers } from "./denseLayer.ts";
import { writeRotatedEnds } from "./ends.ts";
import { measurePerplexities } from "./evaluation.ts";
import type { RunListener, Stage } from "./events.ts";
import { writeHeatmaps } from "./heatmapFile.ts";
import { runReportPage } from "./htmlReport.ts";
import type { Inputs } from "./inputs.ts";
import { pruneLayers, type LayersResult } from "./layers.ts";
import type { Measured } from "./measured.ts";
import { measureTasks } from "./measureTasks.ts";
import type { PruneOptions } from "./options.ts";
import { layerRatios } from "./outliers.ts";
import { planTensors } from "./outputPlan.ts";
import type { Plan } from "./plan.ts";
import type { Planned } from "./planning.ts";
import { createBudget } from "./profile.ts";
import { Progress } from "./progress.ts";
import { reopen } from "./reopen.ts";
import type { Run } from "./run.ts";
import { reportPieces } from "./reportPieces.ts";
import { runReport } from "./runReport.ts";
import { disposeStreams, finishSelfTest, selfTestIds } from "./selfTest.ts";
import { openWorkFolder, type WorkFolder } from "./workFolder.ts";

export interface PruneResult {
  readonly output: string;
  readonly report: RunReport;
  readonly seconds: Partial<Record<Stage, number>>;
}

/** A run whose inputs are read and whose plan is made. */
export interface Prepared {
  /** The device in words. */
  readonly device: string;
  readonly options: PruneOptions;
  readonly model: Model;
  readonly recipe: Recipe;
  readonly planned: Planned;
  readonly inputs: Inputs;
  readonly listener: RunListener;
  readonly signal: AbortSignal;
  /** Prunes without rotation into a folder of the run's work, or finds that done, and returns the folder. */
  readonly unrotated: (run: Run, onProgress: (share: number) => void) => Promise<string>;
}

export async function runPlanned(prepared: Prepared): Promise<PruneResult> {
  const { device, options, model, recipe, planned, inputs, signal } = prepared;
  const { calibration } = inputs;
  const source = await fingerprint(model.checkpoint);
  const identity = {
    version: VERSION,
    fingerprint: source,
    device,
    recipe,
    calibration: calibration?.source.files.map((file) => file.sha256) ?? [],
    field: options.field ?? null,
  };
  const { output } = planned.plan;
  const work = await openWorkFolder(output, identity, options.resume ?? false, signal);
  try {
    // Files may be on their way to the disk when it fails, which must not go on behind the run's lock.
    return await allOrNothing(() => runIn(work, prepared, source));
  } catch (error) {
    await work.release();
    throw error;
  }
}

async function runIn(
  work: WorkFolder,
  prepared: Prepared,
  sourceFingerprint: string,
): Promise<PruneResult> {
  const { model, recipe, planned, inputs, listener, signal } = prepared;
  const { plan, shards } = planned;
  const progress = new Progress(model.config.layers, planned.stages, listener);
  const context = sequenceContext(model.config, recipe.seqLen);
  const dtypeOf = dtypesOf(plan);
  const dense = new FoldedLayers(model);
  const unbudgeted = { model, dense, recipe, dtypeOf, work, context, progress, listener, signal };
  try {
    const windows = inputs.calibration?.windows ?? null;
    const ratios = await layerRatios(unbudgeted, windows);
    const budget = createBudget({ recipe, ...model.config }, ratios);
    const run: Run = { ...unbudgeted, budget };
    const layers = await pruneLayers(run, windows);
    progress.start("commit");
    const writer = await CheckpointWriter.create(plan.output, shards);
    let finished: { output: string; report: RunReport };
    try {
      const report = await finish(run, prepared, layers, writer, sourceFingerprint);
      await writer.writeFile("denoise-report.json", reportPieces(report));
      await writer.writeFile("denoise-report.html", runReportPage(report));
      finished = { output: await writer.finish(), report };
    } catch (error) {
      await writer.abort();
      throw error;
    }
    await work.remove().catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      listener({ type: "note", text: `The work folder ${work.path} could not be removed: ${why}` });
    });
    return { ...finished, seconds: progress.finish() };
  } finally {
    disposeContext(context);
    await dense.dispose();
  }
}

function dtypesOf(plan: Plan): (name: string) => WeightDType {
  const dtypes = new Map(plan.tensors.map((t) => [t.name, t.dtype]));
  return (name) => {
    const dtype = dtypes.get(name);
    if (!dtype || !isWeightDType(dtype)) throw new RangeError(`${name} is no planned weight`);
    return dtype;
  };
}

/** Everything behind the last layer: self-test, write, re-open, evaluate, report. */
async function finish(
  run: Run,
  { device, planned: { plan }, inputs, unrotated }: Prepared,
  layers: LayersResult,
  writer: CheckpointWriter,
  sourceFingerprint: string,
): Promise<RunReport> {
  const { model, recipe, signal } = run;
  const { calibration, evaluation, tasks } = inputs;
  const { firstR1, lastRotation } = layers;
  const rotated = recipe.rotation.kind !== "none";
  const test = await finishSelfTest(model, layers.selfTest, rotated ? lastRotation : null);
  disposeStreams(layers.selfTest);
  await writeLayers(run, writer);
  await writeCopies(run, writer, plan.tensors);
  if (rotated) await writeRotatedEnds(run, writer, firstR1, lastRotation.r1);
  firstR1.dispose();
  disposeRotation(lastRotation);
  await writeCompanions(run, writer);
  await writeHeatmaps(run, writer);

  const ids = selfTestIds(model, calibration?.windows[0] ?? null);
  const expected = { ids, logits: test.expected, dtype: coarsest(plan) };
  // OWL's counts were not known when the plan was made.
  const promised = planTensors(model, recipe, run.budget);
  const reopened = await reopen(writer.staging, promised, expected, signal);
  const measured: Measured = {
    result: writer.staging,
    unrotated: (onProgress) => unrotated(run, onProgress),
  };
  const perplexity = evaluation ? await measurePerplexities(run, evaluation, measured) : [];
  const answers = tasks ? await measureTasks(run, tasks.asked, tasks.baseline, measured) : null;
  return runReport(run, {
    plan,
    device,
    fingerprint: sourceFingerprint,
    calibration,
    layers,
    bytes: writer.plan.tensorBytes,
    selfTest: { ...test.measured, reopened },
    perplexity,
    tasks: answers,
  });
}

const BY_PRECISION: readonly WeightDType[] = ["BF16", "F16", "F32", "F64"];

/** The least precise dtype among the output's weights. */
function coarsest(plan: Plan): WeightDType {
  return BY_PRECISION.find((dtype) => plan.tensors.some((t) => t.dtype === dtype)) ?? "F32";
}
