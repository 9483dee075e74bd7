/**
 * The main job, told in order: open and understand the checkpoint, plan, embed the calibration windows, then layer by
 * layer rotate and prune, put the output together, test it, and let it appear under its name.
 */
import type { Backend } from "../backend/index.ts";
import {
  assertOutputAllowed,
  CheckpointWriter,
  fingerprint,
  isWeightDType,
  openCheckpoint,
  type WeightDType,
} from "../checkpoint/index.ts";
import { DenoiseError } from "../errors.ts";
import { disposeRotation } from "../method/index.ts";
import { disposeContext, openModel, sequenceContext, type Model } from "../model/index.ts";
import type { Recipe, RunReport } from "../report.ts";
import {
  checkVocabulary,
  largestId,
  loadTokenizer,
  sampleCalibration,
  type CalibrationSet,
} from "../text/index.ts";
import { VERSION } from "../version.ts";
import { writeCompanions, writeCopies, writeLayers } from "./commit.ts";
import { writeRotatedEnds } from "./ends.ts";
import { cancelled } from "./errors.ts";
import { evaluationOf, measurePerplexities, type Evaluation } from "./evaluation.ts";
import { silent, type RunListener, type Stage } from "./events.ts";
import { withDevice, withModel } from "./frames.ts";
import { assertReportBuilt, renderRunReport } from "./htmlReport.ts";
import { finishedOutput } from "./finishedOutput.ts";
import { pruneLayers, type LayersResult } from "./layers.ts";
import type { PruneOptions } from "./options.ts";
import { layerRatios } from "./outliers.ts";
import { planTensors } from "./outputPlan.ts";
import type { Plan } from "./plan.ts";
import { makePlan, refuseImpossible, type Planned } from "./planning.ts";
import { createBudget } from "./profile.ts";
import { Progress } from "./progress.ts";
import { calibrationFiles, resolveRecipe } from "./recipe.ts";
import { reopen } from "./reopen.ts";
import type { Run } from "./run.ts";
import { runReport } from "./runReport.ts";
import { disposeStreams, finishSelfTest, selfTestIds } from "./selfTest.ts";
import { speedOf } from "./speed.ts";
import { weigh } from "./weigh.ts";
import { hasRun, openWorkFolder, workPath } from "./workFolder.ts";

export interface PruneResult {
  readonly output: string;
  readonly report: RunReport;
  readonly seconds: Partial<Record<Stage, number>>;
}

/** The plan alone: nothing is written. @throws as {@link prune} does before its work */
export function planPrune(options: PruneOptions, signal: AbortSignal): Promise<Plan> {
  return withModel(options.checkpoint, signal, async (model) => {
    const { root, notes: oddities } = model.checkpoint;
    const { recipe, notes } = resolveRecipe(options, model);
    const out = await assertOutputAllowed(options.out, root);
    const { plan } = await makePlan(options, out, model, recipe, [...notes, ...oddities]);
    const seconds = await withDevice(options.device, silent, async (backend) => {
      refuseImpossible(plan, backend);
      return plan.flops / (await speedOf());
    });
    // Last: it takes longest.
    await readInputs(options, model, recipe, signal);
    return { ...plan, seconds };
  });
}

/**
 * Prunes a checkpoint into a new folder. A run that stops on the way can be continued with `resume`; the output
 * folder appears whole or not at all, and is the same bytes either way. The input is never written to.
 *
 * @throws DenoiseError: `checkpoint/…`, `model/…`, `text/…` for bad input, `pipeline/…` for bad options and runs that
 *   cannot go on, `method/…` for numerical failure
 */
export async function prune(
  options: PruneOptions,
  listener: RunListener,
  signal: AbortSignal,
): Promise<PruneResult> {
  try {
    return await withDevice(options.device, listener, (backend) =>
      pruneOn(backend, options, listener, signal),
    );
  } catch (error) {
    if (signal.aborted && !(error instanceof DenoiseError)) {
      throw cancelled(hasRun(workPath(options.out)));
    }
    throw error;
  }
}

/** {@link prune} on a device that is open already, for callers that prune more than once. */
export async function pruneOn(
  backend: Backend,
  options: PruneOptions,
  listener: RunListener,
  signal: AbortSignal,
): Promise<PruneResult> {
  assertReportBuilt();
  if (options.resume) {
    const finished = await finishedOutput(options.out);
    if (finished) return { ...finished, seconds: {} };
  }
  const checkpoint = await openCheckpoint(options.checkpoint, { signal });
  try {
    const model = openModel(checkpoint);
    const { recipe, notes } = resolveRecipe(options, model);
    const out = await assertOutputAllowed(options.out, checkpoint.root);
    const planned = await makePlan(options, out, model, recipe, [...notes, ...checkpoint.notes]);
    const { plan } = planned;
    refuseImpossible(plan, backend);
    listener({ type: "plan", plan: { ...plan, seconds: plan.flops / (await speedOf()) } });
    const inputs = await readInputs(options, model, recipe, signal);
    return await runPlanned({ backend, options, model, recipe, planned, inputs, listener, signal });
  } finally {
    await checkpoint.close();
  }
}

interface Inputs {
  /** Null for magnitude, which looks at no activations. */
  readonly calibration: CalibrationSet | null;
  readonly evaluation: Evaluation | null;
}

async function readInputs(
  options: PruneOptions,
  model: Model,
  recipe: Recipe,
  signal: AbortSignal,
): Promise<Inputs> {
  const { root } = model.checkpoint;
  const { samples, seqLen, sampling, seed } = recipe;
  const { field } = options;
  let calibration: CalibrationSet | null = null;
  if (recipe.method !== "magnitude") {
    const files = calibrationFiles(options, root);
    const tokenizer = await loadTokenizer(root);
    const asked = { samples, seqLen, sampling, seed, field, signal };
    calibration = await sampleCalibration(tokenizer, files, asked);
    const largest = largestId(calibration.windows.map(largestId));
    checkVocabulary(largest, model.config.vocabSize, tokenizer.file);
  }
  return { calibration, evaluation: await evaluationOf(options, model, signal) };
}

/** A run whose inputs are read and whose plan is made. */
interface Prepared {
  readonly backend: Backend;
  readonly options: PruneOptions;
  readonly model: Model;
  readonly recipe: Recipe;
  readonly planned: Planned;
  readonly inputs: Inputs;
  readonly listener: RunListener;
  readonly signal: AbortSignal;
}

async function runPlanned(prepared: Prepared): Promise<PruneResult> {
  const { backend, options, model, recipe, planned, inputs, listener, signal } = prepared;
  const { plan, shards } = planned;
  const { calibration, evaluation } = inputs;
  const source = await fingerprint(model.checkpoint);
  const identity = {
    version: VERSION,
    fingerprint: source.sha256,
    device: backend.description,
    recipe,
    calibration: calibration?.source.files.map((file) => file.sha256) ?? [],
    field: options.field ?? null,
  };
  const work = await openWorkFolder(plan.output, identity, options.resume ?? false);
  const progress = new Progress(model.config.layers, listener);
  weigh(progress, model, recipe, evaluation);
  const context = sequenceContext(model.config, recipe.seqLen);
  const dtypeOf = dtypesOf(plan);
  const unbudgeted = { model, recipe, dtypeOf, work, context, progress, listener, signal };
  try {
    const windows = calibration?.windows ?? null;
    const ratios = await layerRatios(unbudgeted, windows);
    const budget = createBudget({ recipe, ...model.config }, ratios);
    const run: Run = { ...unbudgeted, budget };
    const layers = await pruneLayers(run, windows);
    progress.start("commit");
    const writer = await CheckpointWriter.create(plan.output, shards);
    let finished: { output: string; report: RunReport };
    try {
      const report = await finish(run, prepared, layers, writer, source.sha256);
      await writer.writeFile("denoise-report.json", `${JSON.stringify(report, null, 1)}\n`);
      await writer.writeFile("denoise-report.html", renderRunReport(report));
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
  } catch (error) {
    await work.release();
    throw error;
  } finally {
    disposeContext(context);
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
  { backend, options, planned: { plan }, inputs: { calibration, evaluation } }: Prepared,
  layers: LayersResult,
  writer: CheckpointWriter,
  sourceFingerprint: string,
): Promise<RunReport> {
  const { model, recipe, signal } = run;
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

  const ids = selfTestIds(model, calibration?.windows[0] ?? null);
  const expected = { ids, logits: test.expected, dtype: coarsest(plan) };
  // OWL's counts were not known when the plan was made.
  const promised = planTensors(model, recipe, run.budget);
  const reopened = await reopen(writer.staging, promised, expected, signal);
  const perplexity = evaluation
    ? await measurePerplexities(run, evaluation, {
        result: writer.staging,
        unrotated: (onProgress) => pruneWithoutRotation(run, backend, options, onProgress),
      })
    : [];
  return runReport(run, {
    plan,
    device: backend.description,
    fingerprint: sourceFingerprint,
    calibration,
    layers,
    bytes: writer.plan.tensorBytes,
    selfTest: { ...test.measured, reopened },
    perplexity,
  });
}

const BY_PRECISION: readonly WeightDType[] = ["BF16", "F16", "F32", "F64"];

/** The least precise dtype among the output's weights. */
function coarsest(plan: Plan): WeightDType {
  return BY_PRECISION.find((dtype) => plan.tensors.some((t) => t.dtype === dtype)) ?? "F32";
}

/** The same run with `rotation none`, into the work folder; it resumes what an earlier try has left. */
async function pruneWithoutRotation(
  run: Run,
  backend: Backend,
  options: PruneOptions,
  onProgress: (share: number) => void,
): Promise<string> {
  const out = run.work.scratch("unrotated");
  const finished = await finishedOutput(out);
  if (finished) return finished.output;
  const { output } = await pruneOn(
    backend,
    {
      ...options,
      rotation: { kind: "none" },
      evaluation: undefined,
      out,
      resume: hasRun(workPath(out)),
    },
    (event) => {
      if (event.type === "progress") onProgress(event.fraction);
    },
    run.signal,
  );
  return output;
}
