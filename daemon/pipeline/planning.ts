/** The plan of a run, from headers alone; and the refusal of what cannot work, before any work. */
import { readdir, stat, statfs } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { totalmem } from "node:os";
import { hasInverseFactor, hasOwnMemory, type DeviceName } from "../backend/index.ts";
import type { Checkpoint, ShardPlan } from "../checkpoint/index.ts";
import type { Model } from "../model/index.ts";
import type { Recipe } from "../report.ts";
import type { DenoiseError } from "../errors.ts";
import { inWords, type Words } from "../wording.ts";
import { workPath } from "../runFiles.ts";
import { planOutput } from "./commit.ts";
import { notEnoughDisk, notEnoughMemory } from "./errors.ts";
import { deviceMemory, type Windows } from "./deviceMemory.ts";
import { workDisk } from "./disk.ts";
import { evaluationFlops, forwardFlops, layerWork, rotateSeconds } from "./estimate.ts";
import { defaultEvaluationSeqLen, rotates } from "./evaluation.ts";
import { hostMemory } from "./hostMemory.ts";
import type { PruneOptions } from "./options.ts";
import { planTensors } from "./outputPlan.ts";
import type { Plan, PlannedTensor, Shortage } from "./plan.ts";
import { planNotes } from "./planNotes.ts";
import { plannedBudget } from "./profile.ts";
import { DEFAULTS } from "./recipe.ts";

export interface Planned {
  readonly plan: Plan;
  readonly shards: ShardPlan;
}

/** The open device. */
export interface Machine {
  readonly device: DeviceName;
  /** Operations a second to count on (`speedOf`). */
  readonly speed: number;
}

export async function makePlan(
  options: PruneOptions,
  out: string,
  model: Model,
  recipe: Recipe,
  { device, speed }: Machine,
  notes: readonly string[],
): Promise<Planned> {
  const { checkpoint, config } = model;
  const { shape, layers, vocabSize: vocabulary } = config;
  const tensors = planTensors(model, recipe, plannedBudget({ recipe, shape, layers }));
  const shards = planOutput(tensors, checkpoint, options.maxShardBytes ?? DEFAULTS.maxShardBytes);
  const evaluation = await plannedEvaluation(options, model);
  const there = await diskUse(workPath(out));
  const work = layerWork({ shape, recipe });
  const perLayer = work.profile + work.collect + work.rotate + work.prune + work.propagate;
  const measuring = evaluation ? evaluationFlops({ shape, layers, recipe }, evaluation) : 0;
  const flops = layers * perLayer + 2 * layers * forwardFlops(shape, 1, 64) + measuring;
  const { seqLen } = recipe;
  const disk = workDisk({
    ...{ shape, layers, recipe, evaluation },
    outputBytes: shards.totalBytes,
    layerBytes: bytesOf(shards, /\.layers\.\d+\./),
  });
  const calibrated = recipe.method !== "magnitude";
  const plan: Plan = {
    checkpoint: checkpoint.root,
    output: out,
    work: workPath(out),
    modelType: config.modelType,
    layers,
    parameters: parameterCount(checkpoint),
    recipe,
    tensors,
    files: shards.files.map((file) => file.name),
    ownMemory: hasOwnMemory(),
    deviceMemory: deviceMemory(
      { shape, vocabulary, layers, recipe, evaluation },
      { device, factor: factorOn(device) },
    ),
    hostMemory: hostMemory({
      shape,
      vocabulary,
      seqLen,
      device,
      weightBytes: widest(tensors, shards),
    }),
    largestTensor: 4 * Math.max(shape.ffn * shape.d, calibrated ? shape.ffn ** 2 : 0),
    workDisk: Math.max(0, disk - there),
    outputDisk: shards.totalBytes,
    freeDisk: await freeDisk(out),
    flops,
    seconds: flops / speed + layers * rotateSeconds(recipe),
    shortages: [],
    notes: [...notes, ...planNotes(model, recipe, tensors)],
  };
  return { plan, shards };
}

/** The factor of a Hessian: `wasm` makes it in place where its BLAS has LAPACK, `cuda` beside it, else it is composed. */
function factorOn(device: DeviceName): 1 | 2 | 2.25 {
  if (!hasInverseFactor()) return 2.25;
  return device === "wasm" ? 1 : 2;
}

/** Bytes of a text that make a token, at the least: languages with long words, and programs. */
const TOKEN_BYTES = 2;

/** The evaluation as far as it is known before its text is read. */
async function plannedEvaluation(
  options: PruneOptions,
  model: Model,
): Promise<(Windows & { readonly baseline: boolean }) | null> {
  const { evaluation } = options;
  if (!evaluation) return null;
  const seqLen = evaluation.seqLen ?? defaultEvaluationSeqLen(model);
  const sizes = evaluation.files.map((file) =>
    stat(file)
      .then(({ size }) => size)
      .catch(() => 0),
  );
  const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  const windows = Math.ceil(bytes / TOKEN_BYTES / seqLen);
  return {
    windows: Math.min(evaluation.maxWindows ?? Infinity, windows),
    seqLen,
    baseline: rotates(options) && evaluation.baseline !== false,
  };
}

/** Of the output's tensors with such a name. */
const bytesOf = ({ tensors }: ShardPlan, name: RegExp): number =>
  [...tensors].reduce((sum, [own, { bytes }]) => sum + (name.test(own) ? bytes : 0), 0);

/** Bytes of a pruned weight. */
function widest(tensors: readonly PlannedTensor[], shards: ShardPlan): number {
  const pruned = tensors.filter(({ fate }) => fate === "pruned");
  const sizes = pruned.map(({ name, shape }) => {
    const elements = shape.reduce((product, n) => product * n, 1);
    return (shards.tensors.get(name)?.bytes ?? 0) / elements;
  });
  return Math.max(...sizes);
}

interface Limits {
  readonly maxTensorBytes: number;
  readonly maxTotalBytes: number;
}

interface Lack {
  readonly needed: number;
  readonly available: number;
  readonly error: DenoiseError;
}

/** @throws pipeline/not-enough-disk, pipeline/not-enough-memory */
export function refuseImpossible(plan: Plan, device: Limits): void {
  const [first] = lacks(plan, device);
  if (first) throw first.error;
}

/** All that {@link refuseImpossible} would refuse, told instead. */
export const shortages = (plan: Plan, device: Limits, words: Words): Shortage[] =>
  lacks(plan, device).map(({ needed, available, error: { code, text } }) => ({
    ...{ code, needed, available, message: inWords(text, words) },
  }));

function lacks(plan: Plan, device: Limits): Lack[] {
  const lack = (
    needed: number,
    available: number,
    failure: (needed: number, available: number) => DenoiseError,
  ): Lack[] =>
    needed > available ? [{ needed, available, error: failure(needed, available) }] : [];
  const memory =
    (what: string) =>
    (needed: number, available: number): DenoiseError =>
      notEnoughMemory(what, needed, available);
  return [
    ...lack(plan.workDisk + plan.outputDisk, plan.freeDisk, (needed, free) =>
      notEnoughDisk(dirname(plan.output), needed, free),
    ),
    ...lack(plan.deviceMemory, device.maxTotalBytes, memory("memory on this device")),
    ...lack(
      plan.hostMemory + (plan.ownMemory ? 0 : plan.deviceMemory),
      availableMemory(),
      memory("memory"),
    ),
    ...lack(
      plan.largestTensor,
      device.maxTensorBytes,
      memory("memory in one piece on this device"),
    ),
  ];
}

/** The machine's memory, or what a container leaves of it. */
function availableMemory(): number {
  const allowed = process.constrainedMemory();
  return allowed > 0 ? Math.min(allowed, totalmem()) : totalmem();
}

/** Bytes of an unfinished run's files, which a resumed one need not write again. */
async function diskUse(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries) {
    if (entry.isFile()) bytes += (await stat(join(folder, entry.name))).size;
  }
  return bytes;
}

async function freeDisk(out: string): Promise<number> {
  let folder = dirname(out);
  while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder);
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

export function parameterCount(checkpoint: Checkpoint): number {
  return [...checkpoint.tensors.values()].reduce((sum, t) => sum + t.elements, 0);
}
