/**
 * What the numeric backend holds at its peak, term by term: every stage of a run is a sum, and the largest sum counts.
 * Counted, not guessed: `test/pipeline/deviceMemory.test.ts` holds it against what devices really had.
 */
import {
  COMPOSED_LIMITS as composed,
  CUDA_LIMITS,
  cudaQueries,
  type DeviceName,
} from "../backend/index.ts";
import { STACK_UP_TO } from "../method/index.ts";
import type { Recipe } from "../report.ts";
import type { LayerShape } from "../vocabulary.ts";
import { windowsPerBatch } from "./batches.ts";
import { CHUNK_ELEMENTS } from "./ends.ts";
import { layerElements } from "./estimate.ts";
import { SCORED_ELEMENTS } from "./evaluate.ts";
import { cellsFor } from "./matrixReport.ts";
import { scopes } from "./recipe.ts";
import { HEAD_BYTES } from "./score.ts";
import type { Scored } from "./scored.ts";
import { PROBE } from "./speed.ts";

/** What a device needs beyond the tensors that the method names. */
export interface DeviceTraits {
  readonly device: DeviceName;
  /** Hessian and factor while the one is made of the other, times a Hessian: 1 where it is made in place. */
  readonly factor: 1 | 2 | 2.25;
}

/** Windows of one length; as many as there may be where their number is not known. */
export interface Windows {
  readonly windows: number;
  readonly seqLen: number;
}

export interface Held {
  readonly shape: LayerShape;
  readonly vocabulary: number;
  readonly layers: number;
  readonly recipe: Pick<
    Recipe,
    "method" | "rotation" | "objective" | "regroup" | "samples" | "seqLen"
  >;
  /** What is scored in the end. */
  readonly scored: readonly Pick<Scored, "by" | "windows" | "seqLen" | "predicted">[];
}

/** Bytes by what they are for. */
export type Terms = Readonly<Record<string, number>>;

/** Float32. */
const F = 4;
export const total = (terms: Terms): number => Object.values(terms).reduce((sum, n) => sum + n, 0);

/** Small tensors, and blocks rounded up to what an allocator hands out. */
const SMALL_BYTES = 4e6;
const ROUNDED_UP = 1.03;
/** Layers of one shared rotation stay on the device between steps if all of them fit into this. */
const RESIDENT_BYTES = 1e9;

/** Whether the weights of `count` layers, and the stacks a problem makes of most of them, may stay between steps. */
export const staysResident = (shape: LayerShape, count: number): boolean =>
  2 * F * count * layerElements(shape) <= RESIDENT_BYTES;

/** Layers that are on the device together while a rotation is learned. */
function layersTogether({ shape, layers, recipe: { rotation } }: Held): number {
  const largest = Math.max(...scopes(rotation, layers).map(([first, end]) => end - first));
  return staysResident(shape, largest) ? largest : 1;
}

/** Terms of every stage by its name. */
export function stageTerms(held: Held, device: DeviceTraits): Readonly<Record<string, Terms>> {
  const { shape, recipe, scored } = held;
  const together = layersTogether(held);
  const { d, ffn, heads, kvHeads, headDim } = shape;
  const cuda = device.device === "cuda";
  const calibrated = recipe.method !== "magnitude";
  const rotated = recipe.rotation.kind !== "none";
  const square = F * d ** 2;
  const widest = F * d * ffn;
  const ofHeads = F * d * heads * headDim;
  const downHessian = F * ffn ** 2;
  const attentionHessian = F * (heads * headDim) ** 2;
  const weights = F * layerElements(shape);
  /** The metric that a rotation is learned by: of q, k, v and of gate, up whole, of o the heads' blocks. */
  const metric = calibrated ? 2 * square + F * (heads * headDim ** 2 + ffn) : 0;
  const basis = rotated ? square : 0;
  const batch = batchBytes(shape, { windows: recipe.samples, seqLen: recipe.seqLen }, cuda);
  // What was pruned, on its way to the host while the device goes on.
  const codes = cuda ? weights / 2 : 0;

  const collect = {
    weights,
    "basis of the stream": basis,
    hessians: 2 * square + attentionHessian + downHessian,
    batch,
  };
  const buildMetric = {
    weights,
    "basis of the stream": basis,
    metric,
    "hessian and factor of down":
      device.factor * downHessian + (cuda ? F * CUDA_LIMITS.factorBand * ffn : 0),
  };
  const learned = {
    weights: together * weights,
    // Neurons of an N:M pattern in their new order, beside the dense layer that is looked at again.
    ...(recipe.regroup && recipe.rotation.kind === "layer" ? { reordered: 3 * widest } : {}),
    // Small matrices that read the same input are stacked.
    ...(d <= STACK_UP_TO ? { stacked: together * (2 * widest + 2 * ofHeads) } : {}),
    // Operands of the search's products in bfloat16.
    ...(cuda && d >= CUDA_LIMITS.roundedFrom ? { rounded: (together * weights) / 2 } : {}),
    metric: together * metric,
    "basis of the stream": basis,
    "rotation of the heads": 8 * together * F * kvHeads * headDim ** 2,
  };
  const learnTerm = {
    ...learned,
    "rotation, moments, gradient": 10 * square,
    // The rotated matrix, its gradient and that in bfloat16; o is turned back and forth.
    "one matrix": Math.max(2.5 * widest, (recipe.objective === "entropy" ? 7.5 : 5.5) * ofHeads),
  };
  const moveRotation = { ...learned, "rotation, moments, move": (cuda ? 16 : 18) * square };
  const rotatedLayer = { weights, "rotation and change of basis": rotated ? 2 * square : 0 };
  const prune = { ...rotatedLayer, codes };
  const slice = F * Math.min(CHUNK_ELEMENTS, held.vocabulary * d);
  return {
    ...(calibrated ? { collect } : {}),
    ...(recipe.method === "sparsegpt" ? { buildMetric } : {}),
    ...(rotated ? { learnTerm, moveRotation } : {}),
    ...(calibrated ? { look: { ...prune, hessian: downHessian, batch } } : {}),
    ...(recipe.method === "sparsegpt"
      ? { factorise: { ...rotatedLayer, factors: buildMetric["hessian and factor of down"] } }
      : {}),
    delete: {
      ...prune,
      hessian: calibrated ? downHessian : 0,
      "mask, scores, before and after": 4 * widest,
      pictures: F * cellsFor(held.layers) * (8 * d + 3 * ffn),
    },
    reopen: { weights, magnitudes: widest },
    ends: { "rows, folded, product": 3 * slice, rotations: rotated ? 2 * square : 0 },
    ...Object.fromEntries(
      scored.flatMap((windows, i) => [
        [`evaluate ${i}`, { weights, batch: batchBytes(shape, windows, cuda) }],
        [`score ${i}`, scoreTerms(held, windows, slice)],
      ]),
    ),
    ...(cuda ? { speed: { "three matrices of speed.ts": 3 * F * PROBE ** 2 } } : {}),
  };
}

/** Activations of one batch where they are most: at the attention's scores or in the feed-forward block. */
function batchBytes(shape: LayerShape, { windows, seqLen }: Windows, cuda: boolean): number {
  const { d, ffn, heads, kvHeads, headDim } = shape;
  const count = Math.min(windows, windowsPerBatch({ seqLen, ...shape }));
  const tokens = F * count * seqLen;
  const scores = cuda
    ? F * heads * cudaQueries(heads, seqLen) * seqLen
    : 2 *
      F *
      Math.max(composed.scores, (heads / kvHeads) * Math.min(seqLen, composed.queries) * seqLen);
  const attention = tokens * (4 * d + 3 * heads * headDim + 4 * kvHeads * headDim) + scores;
  return Math.max(attention, tokens * (4 * d + 3 * ffn));
}

/** Hidden states of many windows, and with them one slice of the head and what its logits become. */
function scoreTerms(
  { shape, vocabulary }: Held,
  { by, windows, seqLen, predicted }: Held["scored"][number],
  slice: number,
): Terms {
  const long = vocabulary * shape.d > CHUNK_ELEMENTS;
  const together = long
    ? Math.max(1, Math.floor(SCORED_ELEMENTS / (seqLen * shape.d)))
    : windowsPerBatch({ seqLen, ...shape });
  const inBatch = Math.min(windows, together) * seqLen;
  // Tasks gather what predicts something, and a batch's more.
  const positions =
    by === "tasks" ? Math.min(predicted, HEAD_BYTES / (F * shape.d) + inBatch) : inBatch;
  const rows = Math.min(vocabulary, Math.max(1, Math.floor(CHUNK_ELEMENTS / shape.d)));
  return {
    "windows, without their last, normed": 3 * F * positions * shape.d,
    head: slice,
    // Less their largest, and exponentiated.
    logits: 3 * F * Math.min(CHUNK_ELEMENTS, positions * rows),
  };
}

/** The largest of {@link stageTerms}, with what is there all the time. */
export function deviceMemory(held: Held, device: DeviceTraits): number {
  const always = SMALL_BYTES + (device.device === "cuda" ? CUDA_LIMITS.workspaceBytes : 0);
  const stages = Object.values(stageTerms(held, device)).map(total);
  return Math.ceil(always + ROUNDED_UP * Math.max(...stages));
}

/** Of a device whose spare memory keeps activations: the libraries' own, and pieces that fit nothing. */
const SPARE_BYTES = 512e6;
const SPARE_SHARE = 0.25;

/** What the work must find free before a device keeps activations, bytes: whatever the recipe. */
export function roomForLayer(
  { shape, vocabSize }: { readonly shape: LayerShape; readonly vocabSize: number },
  seqLen: number,
): number {
  const recipe: Held["recipe"] = {
    method: "sparsegpt",
    rotation: { kind: "layer" },
    objective: "entropy",
    regroup: true,
    samples: Infinity,
    seqLen,
  };
  const scored = [{ by: "perplexity" as const, windows: Infinity, seqLen, predicted: Infinity }];
  const held = { shape, vocabulary: vocabSize, layers: 1, recipe, scored };
  return (1 + SPARE_SHARE) * deviceMemory(held, { device: "cuda", factor: 2 }) + SPARE_BYTES;
}
