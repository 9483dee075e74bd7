/** The work of a run, from shapes alone: to weigh the progress bar, and to tell the time before the work. */
import { stepFlops } from "../method/index.ts";
import type { Recipe } from "../report.ts";
import { matrixShape, ROLES, type LayerShape } from "../vocabulary.ts";

interface LayerSize {
  readonly shape: LayerShape;
  readonly recipe: Recipe;
}

export const layerElements = (s: LayerShape): number =>
  ROLES.reduce((sum, role) => sum + matrixShape(role, s)[0] * matrixShape(role, s)[1], 0);

/** One layer over `windows` windows of `seqLen` tokens: its products, and causal attention at half of T². */
export function forwardFlops(s: LayerShape, windows: number, seqLen: number): number {
  const tokens = windows * seqLen;
  return 2 * tokens * layerElements(s) + 2 * tokens * seqLen * s.heads * s.headDim;
}

/** `XᵀX` of the four inputs. */
function hessianFlops(s: LayerShape, tokens: number): number {
  const inputs = [s.d, s.heads * s.headDim, s.d, s.ffn];
  return inputs.reduce((sum, n) => sum + 2 * tokens * n * n, 0);
}

/** Factorisation of the damped Hessian and error propagation: about 2/3 n³ + n³/3, then out · n² each matrix. */
function sparseGptFlops(s: LayerShape): number {
  return ROLES.reduce((sum, role) => {
    const [out, n] = matrixShape(role, s);
    return sum + n ** 3 + out * n ** 2;
  }, 0);
}

export interface LayerWork {
  /** The pass before all others that OWL looks for outliers in. */
  readonly profile: number;
  readonly collect: number;
  readonly rotate: number;
  readonly prune: number;
  readonly propagate: number;
}

/** Operations of one layer by stage. */
export function layerWork({ shape, recipe }: LayerSize): LayerWork {
  const tokens = recipe.samples * recipe.seqLen;
  const forward = forwardFlops(shape, recipe.samples, recipe.seqLen);
  const calibrated = recipe.method !== "magnitude";
  const rotated = recipe.rotation.kind !== "none";
  const inverse = recipe.method === "sparsegpt" ? sparseGptFlops(shape) : 0;
  return {
    profile: recipe.profile.kind === "owl" ? forward : 0,
    collect: calibrated ? forward + hessianFlops(shape, tokens) : 0,
    rotate: rotated ? recipe.steps * stepFlops(shape, recipe.method) : 0,
    // Passes up to o, gate/up and down, about 2/5, 3/5 and all of a layer; then the pruning itself.
    prune: (calibrated ? 2 * forward + hessianFlops(shape, tokens) : 0) + inverse,
    propagate: calibrated ? forward : 0,
  };
}

/** Of a step, whatever its size: some fifty operations are called, and one number is waited for. */
const STEP_SECONDS = 2e-3;
/** Of one layer's regrouping: `regroupLayer` searches three orders for a tenth of a second each, twice. */
const REGROUP_SECONDS = 0.6;

/** Seconds that learning one layer takes whatever the rate of products: for small models the most of it. */
export const rotateSeconds = ({ steps, rotation, regroup }: Recipe): number =>
  rotation.kind === "none" ? 0 : steps * STEP_SECONDS + (regroup ? REGROUP_SECONDS : 0);

/** What the models of a report are measured by. */
export interface EvaluationWork {
  readonly windows: number;
  readonly seqLen: number;
  /** Whether the model is pruned once more without rotation, to compare with. */
  readonly baseline: boolean;
}

/** Operations of evaluating behind a run. */
export function evaluationFlops(
  { shape, layers, recipe }: LayerSize & { readonly layers: number },
  { windows, seqLen, baseline }: EvaluationWork,
): number {
  const models = baseline ? 3 : 2;
  const { collect, prune, propagate } = layerWork({ shape, recipe });
  const again = baseline ? collect + prune + propagate : 0;
  return layers * (models * forwardFlops(shape, windows, seqLen) + again);
}
