/** The plan of a run, from headers alone; and the refusal of what cannot work, before any work. */
import { readdir, stat, statfs } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { totalmem } from "node:os";
import {
  hasInverseFactor,
  hasOwnMemory,
  hasRegroupKernel,
  type DeviceName,
} from "../backend/index.ts";
import type { Checkpoint, ShardPlan } from "../checkpoint/index.ts";
import type { Model } from "../model/index.ts";
import type { Recipe } from "../report.ts";
import type { DenoiseError } from "../errors.ts";
import { inWords, type Words } from "../wording.ts";
import { workPath } from "../runFiles.ts";
import { layerOf } from "../vocabulary.ts";
import { planOutput } from "./commit.ts";
import { notEnoughDisk, notEnoughMemory } from "./errors.ts";
import { deviceMemory } from "./deviceMemory.ts";
import { workDisk } from "./disk.ts";
import { hostMemory, type TextBytes } from "./hostMemory.ts";
import type { Inputs } from "./inputs.ts";
import { planTensors } from "./outputPlan.ts";
import type { Plan, PlannedTensor, Shortage } from "./plan.ts";
import { planNotes } from "./planNotes.ts";
import { plannedBudget } from "./profile.ts";
import { DEFAULTS } from "./recipe.ts";
import { runWork, type StageSeconds } from "./runWork.ts";
import { scoredBy } from "./scored.ts";
import { secondsOf, type Speed } from "./work.ts";

export interface Planned {
  readonly plan: Plan;
  readonly shards: ShardPlan;
  /** Of its pieces; together the plan's `seconds`. */
  readonly stages: readonly StageSeconds[];
}

/** The open device. */
export interface Machine {
  readonly device: DeviceName;
  readonly speed: Speed;
}

/** What is to be done with a model. */
export interface Asked {
  /** As `assertOutputAllowed` gives it. */
  readonly out: string;
  readonly recipe: Recipe;
  readonly inputs: Inputs;
  readonly maxShardBytes: number | undefined;
}

export async function makePlan(
  model: Model,
  { out, recipe, inputs, maxShardBytes }: Asked,
  { device, speed }: Machine,
  notes: readonly string[],
): Promise<Planned> {
  const { checkpoint, config } = model;
  const { shape, layers, vocabSize: vocabulary } = config;
  const tensors = planTensors(model, recipe, plannedBudget({ recipe, shape, layers }));
  const shards = planOutput(tensors, checkpoint, maxShardBytes ?? DEFAULTS.maxShardBytes);
  const scored = scoredBy(inputs);
  const there = await diskUse(workPath(out));
  const works = runWork({ shape, vocabulary, layers, recipe, scored });
  const stages = works.map(({ work, ...piece }) => ({ ...piece, seconds: secondsOf(work, speed) }));
  const { seqLen } = recipe;
  const disk = workDisk({
    ...{ shape, layers, recipe, scored },
    outputBytes: shards.totalBytes,
    layerBytes: layerBytes(shards),
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
      { shape, vocabulary, layers, recipe, scored },
      { device, factor: factorOn(device) },
    ),
    hostMemory: hostMemory({
      shape,
      vocabulary,
      seqLen,
      device,
      weightBytes: widest(tensors, shards),
      texts: textBytes(inputs, calibrated),
      regroups:
        recipe.regroup && recipe.pattern.kind === "nm" && !hasRegroupKernel(recipe.pattern.of),
    }),
    largestTensor: 4 * Math.max(shape.ffn * shape.d, calibrated ? shape.ffn ** 2 : 0),
    workDisk: Math.max(0, disk - there),
    outputDisk: shards.totalBytes,
    freeDisk: await freeDisk(out),
    flops: works.reduce((flops, { work }) => flops + work.flops, 0),
    seconds: stages.reduce((sum, { seconds }) => sum + seconds, 0),
    shortages: [],
    notes: [...notes, ...planNotes(model, recipe, tensors)],
  };
  return { plan, shards, stages };
}

/** The factor of a Hessian: `wasm` makes it in place where its BLAS has LAPACK, `cuda` beside it, else it is composed. */
function factorOn(device: DeviceName): 1 | 2 | 2.25 {
  if (!hasInverseFactor()) return 2.25;
  return device === "wasm" ? 1 : 2;
}

/** Of the output's tensors that belong to layers. */
const layerBytes = ({ tensors }: ShardPlan): number =>
  [...tensors].reduce((sum, [name, { bytes }]) => sum + (layerOf(name) === null ? 0 : bytes), 0);

function textBytes({ calibration, evaluation, tasks }: Inputs, calibrated: boolean): TextBytes {
  const sizes = (files: readonly { readonly bytes: number }[] = []): number =>
    files.reduce((sum, { bytes }) => sum + bytes, 0);
  const data = tasks?.asked.tasks.flatMap(({ files }) => files);
  return {
    // One that is still to be fetched is large.
    calibration: calibrated && !calibration ? Infinity : sizes(calibration?.source.files),
    scored: sizes(evaluation?.files) + sizes(data),
  };
}

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
    if (!entry.isFile()) continue;
    // Another run may be at work there, whose files come and go: it is refused only later.
    const file = await stat(join(folder, entry.name)).catch(() => null);
    bytes += file?.size ?? 0;
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
