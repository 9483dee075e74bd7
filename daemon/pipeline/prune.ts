/**
 * The main job, told in order: open and understand the checkpoint, plan, embed the calibration windows, then layer by
 * layer rotate and prune, put the output together, test it, and let it appear under its name.
 */
import { basename } from "node:path";
import { openBackend, type Backend } from "../backend/index.ts";
import {
  assertOutputAllowed,
  CheckpointWriter,
  fingerprint,
  isWeightDType,
  openCheckpoint,
} from "../checkpoint/index.ts";
import { DenoiseError } from "../errors.ts";
import { disposeRotation } from "../method/index.ts";
import { disposeContext, openModel, sequenceContext, type Model } from "../model/index.ts";
import { REPORT_SCHEMA, type PerplexityRow, type Recipe, type RunReport } from "../report.ts";
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
import { forwardFlops, layerWork } from "./estimate.ts";
import { evaluationOf, measurePerplexities, type Evaluation } from "./evaluation.ts";
import type { RunListener, Stage } from "./events.ts";
import { renderRunReport } from "./htmlReport.ts";
import { pruneLayers, type LayersResult } from "./layers.ts";
import type { PruneOptions } from "./options.ts";
import type { Plan } from "./plan.ts";
import { makePlan, parameterCount, refuseImpossible, type Planned } from "./planning.ts";
import { Progress } from "./progress.ts";
import { calibrationFiles, resolveRecipe, scopes } from "./recipe.ts";
import { reopen } from "./reopen.ts";
import type { Run } from "./run.ts";
import { disposeStreams, finishSelfTest } from "./selfTest.ts";
import { speedOf } from "./speed.ts";
import { openWorkFolder } from "./workFolder.ts";

export interface PruneResult {
  readonly output: string;
  readonly report: RunReport;
  readonly seconds: Partial<Record<Stage, number>>;
}

/** The plan alone: nothing is written. @throws as {@link prune} does before its work */
export async function planPrune(options: PruneOptions, signal: AbortSignal): Promise<Plan> {
  const checkpoint = await openCheckpoint(options.checkpoint, { signal });
  try {
    const model = openModel(checkpoint);
    const { recipe, notes } = resolveRecipe(options, model);
    const out = await assertOutputAllowed(options.out, checkpoint.root);
    if (recipe.method !== "magnitude") calibrationFiles(options, checkpoint.root);
    const { plan } = await makePlan(options, out, model, recipe, notes);
    const backend = await openBackend(options.device ?? "auto");
    try {
      refuseImpossible(plan, backend.maxTensorBytes);
      return { ...plan, seconds: plan.flops / (await speedOf()) };
    } finally {
      await backend.dispose();
    }
  } finally {
    await checkpoint.close();
  }
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
  const backend = await openBackend(options.device ?? "auto");
  const { description, reason } = backend;
  listener({ type: "device", description, reason });
  try {
    return await pruneOn(backend, options, listener, signal);
  } catch (error) {
    if (signal.aborted && !(error instanceof DenoiseError)) throw cancelled(true);
    throw error;
  } finally {
    await backend.dispose();
  }
}

/** {@link prune} on a device that is open already, for callers that prune more than once. */
export async function pruneOn(
  backend: Backend,
  options: PruneOptions,
  listener: RunListener,
  signal: AbortSignal,
): Promise<PruneResult> {
  const checkpoint = await openCheckpoint(options.checkpoint, { signal });
  try {
    const model = openModel(checkpoint);
    const { recipe, notes } = resolveRecipe(options, model);
    const out = await assertOutputAllowed(options.out, checkpoint.root);
    const planned = await makePlan(options, out, model, recipe, notes);
    const { plan } = planned;
    refuseImpossible(plan, backend.maxTensorBytes);
    listener({ type: "plan", plan: { ...plan, seconds: plan.flops / (await speedOf()) } });
    const inputs = await readInputs(options, model, recipe, signal);
    return await runPlanned(backend, options, { model, recipe, planned, inputs }, listener, signal);
  } finally {
    await checkpoint.close();
  }
}

interface Inputs {
  /** Null for magnitude without calibration text. */
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
    calibration = await sampleCalibration(tokenizer, files, {
      samples,
      seqLen,
      sampling,
      seed,
      field,
      signal,
    });
    checkVocabulary(largestId(calibration.windows.map(largestId)), model.config.vocabSize);
  }
  return { calibration, evaluation: await evaluationOf(options, model, signal) };
}

interface Prepared {
  readonly model: Model;
  readonly recipe: Recipe;
  readonly planned: Planned;
  readonly inputs: Inputs;
}

async function runPlanned(
  backend: Backend,
  options: PruneOptions,
  { model, recipe, planned, inputs }: Prepared,
  listener: RunListener,
  signal: AbortSignal,
): Promise<PruneResult> {
  const { plan } = planned;
  const { calibration, evaluation } = inputs;
  const source = await fingerprint(model.checkpoint);
  const identity = {
    version: VERSION,
    fingerprint: source.sha256,
    device: backend.description,
    recipe,
    calibration: calibration?.source.files.map((file) => file.sha256) ?? [],
  };
  const work = await openWorkFolder(plan.output, identity, options.resume ?? false);
  const progress = new Progress(model.config.layers, listener);
  weigh(progress, model, recipe, evaluation);
  const dtypes = new Map(plan.tensors.map((t) => [t.name, t.dtype]));
  const context = sequenceContext(model.config, recipe.seqLen);
  const run: Run = {
    model,
    recipe,
    dtypeOf(name) {
      const dtype = dtypes.get(name);
      if (!dtype || !isWeightDType(dtype)) throw new RangeError(`${name} is no planned weight`);
      return dtype;
    },
    work,
    context,
    progress,
    listener,
    signal,
  };
  try {
    const layers = await pruneLayers(run, calibration?.windows ?? null);
    progress.start("commit");
    const writer = await CheckpointWriter.create(plan.output, planned.shards);
    try {
      const report = await finish(
        run,
        backend,
        plan,
        inputs,
        source.sha256,
        layers,
        writer,
        options,
      );
      await writer.writeFile("denoise-report.json", `${JSON.stringify(report, null, 1)}\n`);
      await writer.writeFile("denoise-report.html", renderRunReport(report));
      const output = await writer.finish();
      await work.remove();
      return { output, report, seconds: progress.finish() };
    } catch (error) {
      await writer.abort();
      throw error;
    }
  } catch (error) {
    await work.release();
    throw error;
  } finally {
    disposeContext(context);
  }
}

/** Everything behind the last layer: write, self-test, re-open, evaluate, report. */
async function finish(
  run: Run,
  backend: Backend,
  plan: Plan,
  { calibration, evaluation }: Inputs,
  sourceFingerprint: string,
  layers: LayersResult,
  writer: CheckpointWriter,
  options: PruneOptions,
): Promise<RunReport> {
  const { model, recipe, signal } = run;
  const rotated = recipe.rotation.kind !== "none";
  const selfTest = await finishSelfTest(
    model,
    layers.selfTest,
    rotated ? layers.lastRotation : null,
  );
  disposeStreams(layers.selfTest);
  await writeLayers(run, writer);
  await writeCopies(run, writer, plan.tensors);
  if (rotated) await writeRotatedEnds(run, writer, layers.firstR1, layers.lastRotation.r1);
  layers.firstR1.dispose();
  disposeRotation(layers.lastRotation);
  await writeCompanions(run, writer);

  const reopened = await reopen(writer.staging, plan.tensors, signal);
  const perplexity: readonly PerplexityRow[] = evaluation
    ? await measurePerplexities(run, backend, evaluation, writer.staging, options)
    : [];
  const pruned = plan.tensors.filter((t) => t.fate === "pruned");
  const prunable = pruned.reduce((sum, t) => sum + t.shape.reduce((a, b) => a * b, 1), 0);
  return {
    schema: REPORT_SCHEMA,
    version: VERSION,
    source: {
      name: basename(model.checkpoint.root),
      modelType: model.config.modelType,
      layers: model.config.layers,
      parameters: parameterCount(model.checkpoint),
      fingerprint: sourceFingerprint,
    },
    device: backend.description,
    recipe,
    calibration: {
      files: (calibration?.source.files ?? []).map(({ path, sha256, bytes }) => ({
        name: basename(path),
        sha256,
        bytes,
      })),
      tokens: (calibration?.windows.length ?? 0) * recipe.seqLen,
    },
    layers: layers.reports,
    total: {
      prunable,
      zeros: reopened.zeros,
      sparsity: reopened.zeros / prunable,
      bytes: writer.plan.tensorBytes,
      boundaryParameters: plan.tensors
        .filter((t) => t.name.endsWith("input_rotation.weight"))
        .reduce((sum, t) => sum + (t.shape[0] ?? 0) ** 2, 0),
      packedBytes: packedBytes(plan, reopened.zeros),
    },
    perplexity,
    selfTest: { ...selfTest, reopened },
    fallbacks: layers.fallbacks,
  };
}

/** Kept values and their positions: 2 bits a kept value for 2:4 (as the hardware stores it), else one bit a weight. */
function packedBytes(plan: Plan, zeros: number): number {
  const { pattern } = plan.recipe;
  const pruned = plan.tensors.filter((t) => t.fate === "pruned");
  const elements = pruned.reduce((sum, t) => sum + t.shape.reduce((a, b) => a * b, 1), 0);
  const elementBytes = pruned[0]?.dtype === "F32" ? 4 : 2;
  const kept = elements - zeros;
  const hardware = pattern.kind === "nm" && pattern.keep === 2 && pattern.of === 4;
  return kept * elementBytes + (hardware ? kept * 2 : elements) / 8;
}

function weigh(
  progress: Progress,
  model: Model,
  recipe: Recipe,
  evaluation: Evaluation | null,
): void {
  const { shape, layers } = model.config;
  const work = layerWork({ shape, recipe });
  for (const [first, end] of scopes(recipe.rotation, layers)) {
    progress.weigh("rotate", first, (end - first) * work.rotate);
    for (let i = first; i < end; i++) {
      for (const stage of ["collect", "prune", "propagate"] as const) {
        progress.weigh(stage, i, work[stage]);
      }
    }
  }
  const { windows, seqLen } = evaluation ?? { windows: [], seqLen: 1 };
  const pass = layers * forwardFlops(shape, windows.length, seqLen);
  const withoutRotation = work.collect + work.prune + work.propagate;
  const baseline = evaluation?.baseline ? layers * withoutRotation + pass : 0;
  progress.weigh("evaluate", null, 2 * pass + baseline);
}
