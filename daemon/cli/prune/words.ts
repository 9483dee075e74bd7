/** The terms of a run as people read them. */
import type { Stage } from "../../pipeline/index.ts";
import type { Recipe, RotationScope } from "../../report.ts";
import { patternName } from "../../vocabulary.ts";
import type { Objective, Pattern, PruneMethod } from "../../vocabulary.ts";
import { significant } from "../terminal/numbers.ts";

export const METHOD_NAMES: Readonly<Record<PruneMethod, string>> = {
  magnitude: "Magnitude",
  wanda: "Wanda",
  sparsegpt: "SparseGPT",
};

export const OBJECTIVE_NAMES: Readonly<Record<Objective, string>> = {
  "pruned-mass": "pruned mass",
  entropy: "entropy",
};

/** What a stage does, in a word for the person who waits for it. */
export const STAGE_NAMES: Readonly<Record<Stage, string>> = {
  plan: "plan",
  embed: "embed",
  collect: "collect",
  rotate: "rotate",
  prune: "prune",
  propagate: "propagate",
  commit: "write",
  evaluate: "evaluate",
};

export const LAYER_STAGES = ["collect", "rotate", "prune", "propagate"] as const satisfies Stage[];

export function methodText(recipe: Recipe): string {
  const name = METHOD_NAMES[recipe.method];
  const what = `${name}, ${patternText(recipe.pattern)}`;
  return recipe.method === "sparsegpt"
    ? `${what}, damping ${recipe.damping}, blocks of ${recipe.blockSize}`
    : what;
}

export const patternText = (pattern: Pattern): string =>
  pattern.kind === "nm"
    ? `${patternName(pattern)} (keeps ${pattern.keep} of every ${pattern.of})`
    : `${patternName(pattern)} of the weights deleted`;

export function rotationText(recipe: Recipe): string {
  if (recipe.rotation.kind === "none") return "none";
  return (
    `${scopeText(recipe.rotation)}, ${recipe.steps} steps on ${OBJECTIVE_NAMES[recipe.objective]}, ` +
    `learning rate ${significant(recipe.learningRate).replace(/0+$/, "")}`
  );
}

export function scopeText(scope: RotationScope): string {
  switch (scope.kind) {
    case "layer":
      return "one a layer";
    case "every":
      return `one every ${scope.layers} layers`;
    case "global":
      return "one for all layers";
    case "none":
      return "none";
    default:
      return scope satisfies never;
  }
}

export const calibrationText = (recipe: Recipe): string =>
  `${recipe.samples} windows of ${recipe.seqLen} tokens, ` +
  (recipe.sampling === "random" ? `random (seed ${recipe.seed})` : "in sequence");
