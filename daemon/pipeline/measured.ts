/**
 * The models that a report compares: dense, pruned without rotation, and the result. Rotation can hurt, so the
 * unrotated baseline is measured by really pruning once more, not assumed.
 */
import { openCheckpoint } from "../checkpoint/index.ts";
import { openModel, type Model } from "../model/index.ts";
import type { ModelLabel, Recipe } from "../report.ts";
import type { Run } from "./run.ts";

/** The folders to measure: finished when they are asked for. */
export interface Measured {
  readonly result: string;
  /** Prunes without rotation where that has not been done yet, telling the share done, and returns the folder. */
  readonly unrotated: (onProgress: (share: number) => void) => Promise<string>;
}

const ownLabel = ({ rotation }: Pick<Recipe, "rotation">): ModelLabel =>
  rotation.kind === "none" ? "pruned" : "rotated + pruned";

/** @param baseline whether the unrotated model is among them */
export const measuredLabels = (
  recipe: Pick<Recipe, "rotation">,
  baseline: boolean,
): readonly ModelLabel[] =>
  baseline ? ["dense", "pruned", ownLabel(recipe)] : ["dense", ownLabel(recipe)];

/** What a model is measured by. */
export type Yardstick = "perplexity" | "tasks";

/** Parts of the evaluation as progress counts them: the pruning of the unrotated model, and each model's measuring. */
export const UNROTATED = "pruned without rotation";
export const measuredPart = (by: Yardstick, label: ModelLabel): string => `${by}, ${label}`;

/** Opens one of the models for `use`, and counts it as a part of the evaluation. */
export async function withMeasured<T>(
  { model, recipe, progress, signal }: Run,
  [by, label]: readonly [Yardstick, ModelLabel],
  { result, unrotated }: Measured,
  use: (model: Model, tell: (share: number) => void) => Promise<T>,
): Promise<T> {
  const tell = (share: number) => {
    progress.at(share);
  };
  const measure = (it: Model): Promise<T> => {
    progress.start("evaluate", null, measuredPart(by, label));
    return use(it, tell);
  };
  if (label === "dense") return measure(model);
  let folder = result;
  if (label !== ownLabel(recipe)) {
    progress.start("evaluate", null, UNROTATED);
    folder = await unrotated(tell);
  }
  const checkpoint = await openCheckpoint(folder, { signal });
  try {
    return await measure(openModel(checkpoint));
  } finally {
    await checkpoint.close();
  }
}
