/**
 * Floating-point operations, memory and disk of a run, from shapes alone. Used to weigh the progress bar, to tell the
 * time before the work, and to refuse what cannot fit.
 */
import { stepFlops } from "../method/index.ts";
import type { Recipe, RotationScope } from "../report.ts";
import { matrixShape, ROLES, type LayerShape } from "../vocabulary.ts";
import { windowsPerBatch } from "./batches.ts";

export interface RunSize {
  readonly shape: LayerShape;
  readonly layers: number;
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
export function layerWork({ shape, recipe }: Omit<RunSize, "layers">): LayerWork {
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

/** How many rotations of the residual stream there are. */
function scopeCount(rotation: RotationScope, layers: number): number {
  switch (rotation.kind) {
    case "none":
      return 0;
    case "layer":
      return layers;
    case "every":
      return Math.ceil(layers / rotation.layers);
    case "global":
      return 1;
    default:
      return rotation satisfies never;
  }
}

/** What heatmaps of single weights are computed from (`heatmapFile.ts`): R1 as float16, column weights as float32. */
const heatmapBytes = (layers: number, scopes: number, { d, ffn }: LayerShape): number =>
  scopes * 2 * d ** 2 + layers * 4 * (6 * d + 3 * ffn);

export interface Footprint {
  /** Peak of the numeric backend, bytes. */
  readonly deviceMemory: number;
  /** Peak of the process beside it. */
  readonly hostMemory: number;
  /** The largest matrix or Hessian, bytes. */
  readonly largestTensor: number;
  /** Disk for the work folder, without the output. */
  readonly workDisk: number;
}

/** An idle process with its backend loaded. */
const IDLE_BYTES = 250e6;

/** Peak of the numeric backend while it is at one layer: its weights and Hessians twice, and a batch. */
function layerBytes(shape: LayerShape, seqLen: number, calibrated: boolean): number {
  const weights = 4 * layerElements(shape);
  const hessians = calibrated
    ? 4 * (2 * shape.d ** 2 + (shape.heads * shape.headDim) ** 2 + shape.ffn ** 2)
    : 0;
  const batch = 4 * windowsPerBatch({ seqLen, ...shape }) * seqLen * (4 * shape.d + 3 * shape.ffn);
  return 2 * weights + 2 * hessians + batch;
}

/** Of a device whose spare memory keeps activations: the libraries' own, and pieces that fit nothing. */
const SPARE_BYTES = 512e6;
const SPARE_SHARE = 0.25;

/** What the work on a layer must find free before a device keeps activations, bytes. */
export function roomForLayer(shape: LayerShape, seqLen: number): number {
  return (1 + SPARE_SHARE) * layerBytes(shape, seqLen, true) + SPARE_BYTES;
}

/**
 * @param outputBytes size of the finished output, of which the work folder holds every layer once
 */
export function footprint({ shape, layers, recipe }: RunSize, outputBytes: number): Footprint {
  const layer = 4 * layerElements(shape);
  const stream = 4 * recipe.samples * recipe.seqLen * shape.d;
  const calibrated = recipe.method !== "magnitude";
  const shared = recipe.rotation.kind === "every" || recipe.rotation.kind === "global";
  const metrics = shared && calibrated ? layers * 4 * 2 * shape.d ** 2 : 0;
  // The first layer's stays where it is while OWL's pass goes through the layers.
  const streams = recipe.profile.kind === "owl" ? 3 : calibrated ? 2 : 0;
  return {
    deviceMemory: layerBytes(shape, recipe.seqLen, calibrated),
    hostMemory: IDLE_BYTES + layer,
    largestTensor: 4 * Math.max(shape.ffn * shape.d, calibrated ? shape.ffn ** 2 : 0),
    workDisk:
      outputBytes +
      layers * 4 * shape.d ** 2 +
      streams * stream +
      metrics +
      // In the work folder and in the output until the former goes.
      2 * heatmapBytes(layers, scopeCount(recipe.rotation, layers), shape),
  };
}
