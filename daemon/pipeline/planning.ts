/** The plan of a run, from headers alone; and the refusal of what cannot work, before any work. */
import { statfs } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { totalmem } from "node:os";
import type { Checkpoint, ShardPlan } from "../checkpoint/index.ts";
import type { Model } from "../model/index.ts";
import type { Recipe } from "../report.ts";
import { planOutput } from "./commit.ts";
import { notEnoughDisk, notEnoughMemory } from "./errors.ts";
import { footprint, forwardFlops, layerWork } from "./estimate.ts";
import type { PruneOptions } from "./options.ts";
import { boundaryLayers, planTensors } from "./outputPlan.ts";
import type { Plan, PlannedTensor } from "./plan.ts";
import { DEFAULTS } from "./recipe.ts";
import { workPath } from "./workFolder.ts";

export interface Planned {
  readonly plan: Plan;
  readonly shards: ShardPlan;
}

export async function makePlan(
  options: PruneOptions,
  out: string,
  model: Model,
  recipe: Recipe,
  notes: readonly string[],
): Promise<Planned> {
  const { checkpoint, config } = model;
  const { shape, layers } = config;
  const tensors = planTensors(model, recipe);
  const shards = planOutput(tensors, checkpoint, options.maxShardBytes ?? DEFAULTS.maxShardBytes);
  const size = footprint({ shape, layers, recipe }, shards.totalBytes);
  const work = layerWork({ shape, recipe });
  const perLayer = work.collect + work.rotate + work.prune + work.propagate;
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
    deviceMemory: size.deviceMemory,
    hostMemory: size.hostMemory,
    workDisk: size.workDisk,
    outputDisk: shards.totalBytes,
    freeDisk: await freeDisk(out),
    flops: layers * perLayer + 2 * layers * forwardFlops(shape, 1, 64),
    seconds: null,
    notes: [...notes, ...planNotes(model, recipe, tensors)],
  };
  return { plan, shards };
}

/** @throws pipeline/not-enough-disk, pipeline/not-enough-memory */
export function refuseImpossible(plan: Plan, maxTensorBytes: number): void {
  const disk = plan.workDisk + plan.outputDisk;
  if (disk > plan.freeDisk) throw notEnoughDisk(dirname(plan.output), disk, plan.freeDisk);
  const memory = plan.deviceMemory + plan.hostMemory;
  if (memory > totalmem()) throw notEnoughMemory("memory", memory, totalmem());
  const largest = plan.tensors.reduce(
    (most, t) =>
      t.fate === "pruned" ? Math.max(most, 4 * (t.shape[0] ?? 0) * (t.shape[1] ?? 0)) : most,
    0,
  );
  if (largest > maxTensorBytes) {
    throw notEnoughMemory("memory in one piece on this device", largest, maxTensorBytes);
  }
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

function planNotes(model: Model, recipe: Recipe, tensors: readonly PlannedTensor[]): string[] {
  const notes: string[] = [];
  if (recipe.pattern.kind === "nm" && recipe.pattern.keep === 2 && recipe.pattern.of === 4) {
    notes.push(
      "The output is a dense file with zeros, of the same size as the input. 2:4 runs faster only in runtimes that " +
        "pack it (TensorRT-LLM, PyTorch semi-structured tensors); vLLM no longer does.",
    );
  } else {
    notes.push(
      "The output is a dense file with zeros, of the same size as the input; common runtimes do not run it faster.",
    );
  }
  if (recipe.rotation.kind !== "none" && model.config.tied) {
    notes.push(
      "Embedding and head were tied; after rotation they differ, so the head is stored too.",
    );
  }
  const boundaries = boundaryLayers(recipe, model.config.layers).length;
  if (boundaries > 0) {
    const added = tensors.filter((t) => t.fate === "added").length;
    notes.push(
      `${boundaries} boundary matrices are added (${added} new tensors): transformers loads the output with ` +
        "trust_remote_code=True. --rotation global needs none of this.",
    );
  }
  return notes;
}
