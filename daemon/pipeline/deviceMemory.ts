/**
 * What the numeric backend holds at its peak, term by term: every stage of a run is a sum, and the largest sum counts.
 * Counted, not guessed: `test/pipeline/deviceMemory.test.ts` holds it against what devices really had.
 */
import type { DeviceName } from "../backend/index.ts";
import type { Recipe } from "../report.ts";
import type { LayerShape } from "../vocabulary.ts";
import { windowsPerBatch } from "./batches.ts";
import { CHUNK_ELEMENTS } from "./ends.ts";
import { layerElements } from "./estimate.ts";
import { SCORED_ELEMENTS } from "./evaluate.ts";
import { scopes } from "./recipe.ts";
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
  /** The text that is scored in the end, if one is. */
  readonly evaluation: Windows | null;
}

/** Bytes by what they are for. */
export type Terms = Readonly<Record<string, number>>;

/** Float32. */
const F = 4;
export const total = (terms: Terms): number => Object.values(terms).reduce((sum, n) => sum + n, 0);

/** Small tensors, and blocks rounded up to what an allocator hands out. */
const SMALL_BYTES = 4e6;
const ROUNDED_UP = 1.03;
/** cuBLAS' workspace, `cuda/multiplier.ts`. */
const WORKSPACE_BYTES = 64 * 2 ** 20;
/** Attention's scores on `cuda`, at the most: `cuda/fused/decoder.ts`. */
const SCORES_BYTES = 128 * 2 ** 20;
/** Queries and scores that other devices take at a time, twice: `fused/attention.ts`. */
const QUERY_BLOCK = 256;
const PIECE_ELEMENTS = 2 ** 19;
/** Columns that `cuda/fused/factor.ts` keeps aside. */
const BAND = 512;
/** Cells a side of a picture: `matrixReport.ts`. */
const CELLS = 256;

/** From this size on products of the search have operands in bfloat16 on `cuda`: `cuda/fused/products.ts`. */
const ROUNDED_FROM = 1024;
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
  const { shape, recipe, evaluation } = held;
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
    "hessian and factor of down": device.factor * downHessian + (cuda ? F * BAND * ffn : 0),
  };
  const learned = {
    weights: together * weights,
    // Neurons of an N:M pattern in their new order, beside the dense layer that is looked at again.
    ...(recipe.regroup && recipe.rotation.kind === "layer" ? { reordered: 3 * widest } : {}),
    // Up to this size matrices that read the same input are stacked: layerProblem.ts.
    ...(d <= 256 ? { stacked: together * (2 * widest + 2 * ofHeads) } : {}),
    // Operands of the search's products in bfloat16.
    ...(cuda && d >= ROUNDED_FROM ? { rounded: (together * weights) / 2 } : {}),
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
      pictures: F * CELLS * (8 * d + 3 * ffn),
    },
    reopen: { weights, magnitudes: widest },
    ends: { "rows, folded, product": 3 * slice, rotations: rotated ? 2 * square : 0 },
    ...(evaluation
      ? {
          evaluate: { weights, batch: batchBytes(shape, evaluation, cuda) },
          score: scoreTerms(held, evaluation, slice),
        }
      : {}),
    ...(cuda ? { speed: { "three matrices of speed.ts": 3 * F * PROBE ** 2 } } : {}),
  };
}

/** Activations of one batch where they are most: at the attention's scores or in the feed-forward block. */
function batchBytes(shape: LayerShape, { windows, seqLen }: Windows, cuda: boolean): number {
  const { d, ffn, heads, kvHeads, headDim } = shape;
  const count = Math.min(windows, windowsPerBatch({ seqLen, ...shape }));
  const tokens = F * count * seqLen;
  const scores = cuda
    ? Math.max(Math.min(F * heads * seqLen ** 2, SCORES_BYTES), F * heads * 64 * seqLen)
    : 2 * F * Math.max(PIECE_ELEMENTS, (heads / kvHeads) * Math.min(seqLen, QUERY_BLOCK) * seqLen);
  const attention = tokens * (4 * d + 3 * heads * headDim + 4 * kvHeads * headDim) + scores;
  return Math.max(attention, tokens * (4 * d + 3 * ffn));
}

/** Hidden states of many windows, and with them one slice of the head. */
function scoreTerms(
  { shape, vocabulary }: Held,
  { windows, seqLen }: Windows,
  slice: number,
): Terms {
  const long = vocabulary * shape.d > CHUNK_ELEMENTS;
  const together = long
    ? Math.max(1, Math.floor(SCORED_ELEMENTS / (seqLen * shape.d)))
    : windowsPerBatch({ seqLen, ...shape });
  const hidden = F * Math.min(windows, together) * seqLen * shape.d;
  return { "windows, without their last, normed": 3 * hidden, "head and logits": 4 * slice };
}

/** The largest of {@link stageTerms}, with what is there all the time. */
export function deviceMemory(held: Held, device: DeviceTraits): number {
  const always = SMALL_BYTES + (device.device === "cuda" ? WORKSPACE_BYTES : 0);
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
  const evaluation = { windows: Infinity, seqLen };
  const held = { shape, vocabulary: vocabSize, layers: 1, recipe, evaluation };
  return (1 + SPARE_SHARE) * deviceMemory(held, { device: "cuda", factor: 2 }) + SPARE_BYTES;
}
