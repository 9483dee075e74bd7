/**
 * How an unstructured share is spread over the layers: evenly, or with a ratio for each layer. Counts are exact: for
 * every role the layers together delete as many weights as they would evenly, whatever the ratios.
 *
 * OWL (Yin et al., arXiv:2310.05175, and the authors' code): a layer with many outliers among its Wanda scores keeps
 * more. Its outlier ratio D is the share of scores |w|·‖x‖₂ above M times the layer's mean, its density
 *
 *     2λ · (D − min D) / (max D − min D), shifted by one constant so that the mean over layers is the asked density
 */
import type { Recipe } from "../report.ts";
import {
  matrixShape,
  prunedCount,
  ROLES,
  type LayerShape,
  type Pattern,
  type Role,
} from "../vocabulary.ts";

/** M: a score this many times the layer's mean is an outlier. */
export const OUTLIER_FACTOR = 5;
/** λ: half the width of the interval that the layers' densities span. */
const HALF_WIDTH = 0.08;
/** Of the way to 0 or 1 that a ratio may go, where the asked share is so near that 2λ does not fit. */
const REACH = 0.9;

export interface ScoredMatrix {
  /** `[out, in]` row-major. */
  readonly weights: Float32Array;
  /** `‖x_j‖₂` of every input column over all calibration tokens, `[in]`; a common factor does not matter. */
  readonly inputNorms: Float64Array;
}

/** D of one layer, over all its matrices together, 0…1. */
export function outlierRatio(matrices: readonly ScoredMatrix[]): number {
  let sum = 0;
  let count = 0;
  for (const { weights, inputNorms } of matrices) {
    const columns = inputNorms.length;
    for (let i = 0, j = 0; i < weights.length; i++) {
      sum += Math.abs(weights[i] ?? 0) * (inputNorms[j] ?? 0);
      j = j + 1 === columns ? 0 : j + 1;
    }
    count += weights.length;
  }
  const threshold = (OUTLIER_FACTOR * sum) / count;
  let outliers = 0;
  for (const { weights, inputNorms } of matrices) {
    const columns = inputNorms.length;
    for (let i = 0, j = 0; i < weights.length; i++) {
      if (Math.abs(weights[i] ?? 0) * (inputNorms[j] ?? 0) > threshold) outliers++;
      j = j + 1 === columns ? 0 : j + 1;
    }
  }
  return outliers / count;
}

/**
 * @param outliers D of every layer
 * @param share of all weights to delete, 0 < share < 1
 * @returns share to delete in every layer, their mean `share`, each strictly between 0 and 1
 */
export function owlRatios(outliers: readonly number[], share: number): number[] {
  const low = Math.min(...outliers);
  const width = Math.max(...outliers) - low;
  const densities = outliers.map((d) => (width > 0 ? (2 * HALF_WIDTH * (d - low)) / width : 0));
  const mean = densities.reduce((a, b) => a + b, 0) / densities.length;
  // Positive where a layer deletes more than the asked share.
  const deviations = densities.map((density) => mean - density);
  const up = Math.max(...deviations, 0);
  const down = -Math.min(...deviations, 0);
  const fits = Math.min(
    1,
    up > 0 ? (REACH * (1 - share)) / up : 1,
    down > 0 ? (REACH * share) / down : 1,
  );
  return deviations.map((deviation) => share + fits * deviation);
}

/** What each layer and each matrix has to give. */
export interface Budget {
  /** Share to delete in each layer; null where all are pruned alike. */
  readonly ratios: readonly number[] | null;
  /** What importance is measured by, in learning and for the report. */
  layerPattern(layer: number): Pattern;
  /** What the pruner of a matrix deletes: exactly {@link zeros}. */
  matrixPattern(layer: number, role: Role): Pattern;
  zeros(layer: number, role: Role): number;
}

export interface BudgetOf {
  readonly recipe: Recipe;
  readonly shape: LayerShape;
  readonly layers: number;
}

/** @param ratios one for each layer, with the recipe's share as their mean; null for an even budget */
export function createBudget(
  { recipe, shape, layers }: BudgetOf,
  ratios: readonly number[] | null,
): Budget {
  const { pattern } = recipe;
  // Wanda deletes as many in every row; the others choose from the whole matrix.
  const unit = (role: Role): { readonly size: number; readonly times: number } => {
    const [rows, columns] = matrixShape(role, shape);
    return recipe.method === "wanda"
      ? { size: columns, times: rows }
      : { size: rows * columns, times: 1 };
  };
  if (pattern.kind === "nm") {
    return {
      ratios: null,
      layerPattern: () => pattern,
      matrixPattern: () => pattern,
      zeros: (_, role) => {
        const [rows, columns] = matrixShape(role, shape);
        return (rows * columns * (pattern.of - pattern.keep)) / pattern.of;
      },
    };
  }
  if (ratios === null) {
    return {
      ratios,
      layerPattern: () => pattern,
      matrixPattern: () => pattern,
      zeros: (_, role) => unit(role).times * prunedCount(pattern.share, unit(role).size),
    };
  }
  const counts = new Map(
    ROLES.map((role) => {
      const { size } = unit(role);
      return [role, distributed(ratios, layers * prunedCount(pattern.share, size))];
    }),
  );
  const countOf = (layer: number, role: Role) => counts.get(role)?.[layer] ?? 0;
  return {
    ratios,
    layerPattern: (layer) => ({ kind: "unstructured", share: ratios[layer] ?? pattern.share }),
    matrixPattern: (layer, role) => ({
      kind: "unstructured",
      share: countOf(layer, role) / unit(role).size,
    }),
    zeros: (layer, role) => unit(role).times * countOf(layer, role),
  };
}

/** Before any work: what is known of the budget from the recipe alone; for OWL the even one. */
export function plannedBudget(of: BudgetOf): Budget {
  const { profile } = of.recipe;
  return createBudget(of, profile.kind === "file" ? profile.ratios : null);
}

/** Whole numbers in proportion to `ratios` that add up to `total`: largest remainders first, earlier layers on ties. */
export function distributed(ratios: readonly number[], total: number): number[] {
  const sum = ratios.reduce((a, b) => a + b, 0);
  const wanted = ratios.map((ratio) => (ratio / sum) * total);
  const counts = wanted.map(Math.floor);
  const left = total - counts.reduce((a, b) => a + b, 0);
  const byRemainder = wanted
    .map((value, layer) => ({ layer, remainder: value - Math.floor(value) }))
    .sort((a, b) => b.remainder - a.remainder);
  for (const { layer } of byRemainder.slice(0, left)) counts[layer] = (counts[layer] ?? 0) + 1;
  return counts;
}
