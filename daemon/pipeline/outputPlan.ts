/** What each tensor of the input becomes, decided from headers: the output's exact header before any work. */
import { isWeightDType, type DType, type WeightDType } from "../checkpoint/index.ts";
import {
  boundaryName,
  EMBEDDING,
  FINAL_NORM,
  HEAD,
  inputNormName,
  postAttentionNormName,
  biasName,
  storedMatrices,
  type Model,
} from "../model/index.ts";
import type { Recipe } from "../report.ts";
import type { Role } from "../vocabulary.ts";
import type { PlannedTensor, TensorFate } from "./plan.ts";
import type { Budget } from "./profile.ts";
import { scopes } from "./recipe.ts";

/** Layers `i ≥ 1` at which R1 changes: they get a boundary matrix. */
export function boundaryLayers(recipe: Recipe, layers: number): number[] {
  if (recipe.rotation.kind === "none") return [];
  return scopes(recipe.rotation, layers).flatMap(([first]) => (first > 0 ? [first] : []));
}

/** Roles whose biases change: values by R2, what writes into the residual stream by R1, neurons by their order. */
export function turnedBiases(recipe: Recipe): readonly Role[] {
  if (recipe.rotation.kind === "none") return [];
  return recipe.regroup ? ["v", "o", "down", "gate", "up"] : ["v", "o", "down"];
}

/**
 * In the order the output is laid out: the input's tensors, then what is added.
 * @param budget what each matrix has to give; only counts of zeros depend on it
 */
export function planTensors(model: Model, recipe: Recipe, budget: Budget): PlannedTensor[] {
  const { checkpoint, config, ends } = model;
  const { d } = config.shape;
  const rotated = recipe.rotation.kind !== "none";
  const fates = new Map<string, TensorFate>();
  const zeros = new Map<string, number>();
  for (let i = 0; i < config.layers; i++) {
    for (const { name, roles } of storedMatrices(config, i)) {
      fates.set(name, "pruned");
      zeros.set(
        name,
        roles.reduce((sum, role) => sum + budget.zeros(i, role), 0),
      );
    }
    fates.set(inputNormName(i), "folded");
    fates.set(postAttentionNormName(i), "folded");
    for (const role of turnedBiases(recipe)) {
      if (config.biases.includes(role)) fates.set(biasName(i, role), "rotated");
    }
  }
  if (rotated) {
    // Both, also where a tied checkpoint stores a head of its own: transformers would ignore it, and so do we.
    fates.set(EMBEDDING, "rotated");
    fates.set(HEAD, "rotated");
    fates.set(FINAL_NORM, "folded");
  }

  const planned: PlannedTensor[] = [];
  const stored = (dtype: DType): DType =>
    isWeightDType(dtype) ? outputDtype(recipe, dtype) : dtype;
  for (const entry of checkpoint.tensors.values()) {
    const fate = fates.get(entry.name) ?? "copied";
    planned.push({
      name: entry.name,
      dtype: stored(entry.dtype),
      shape: entry.shape,
      fate,
      zeros: zeros.get(entry.name) ?? 0,
    });
  }
  const has = (name: string) => checkpoint.tensors.has(name);
  const add = (name: string, like: string, shape: readonly number[]) => {
    const dtype = stored(checkpoint.tensors.get(like)?.dtype ?? "F32");
    planned.push({ name, dtype, shape, fate: "added", zeros: 0 });
  };
  if (rotated) {
    // Embedding and head rotate differently (the head takes the final norm's gain), so a tied pair becomes two.
    if (!has(EMBEDDING)) add(EMBEDDING, ends.embedding, [config.vocabSize, d]);
    if (!has(HEAD)) add(HEAD, ends.head, [config.vocabSize, d]);
    for (const i of boundaryLayers(recipe, config.layers)) {
      add(boundaryName(i), storedMatrices(config, i)[0]?.name ?? ends.head, [d, d]);
    }
  }
  return planned;
}

export function outputDtype(recipe: Recipe, inputDtype: WeightDType): WeightDType {
  switch (recipe.dtype) {
    case "keep":
      return inputDtype;
    case "bf16":
      return "BF16";
    case "f16":
      return "F16";
    case "f32":
      return "F32";
    default:
      return recipe.dtype satisfies never;
  }
}
