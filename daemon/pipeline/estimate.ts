/**
 * The work of one layer, from shapes alone. What an element counts was found on one core of a processor, where everything
 * is composed of TensorFlow.js' operations: time beyond that of the products, over the time of a SwiGLU's element.
 */
import { COMPOSED_LIMITS } from "../backend/index.ts";
import { regroupComparisons, regroupedStretches, stepFlops } from "../method/index.ts";
import type { Recipe } from "../report.ts";
import {
  INPUT_KINDS,
  inputSize,
  matrixShape,
  ROLES,
  type InputKind,
  type LayerShape,
  type Role,
} from "../vocabulary.ts";
import { cellsFor } from "./matrixReport.ts";
import { SAMPLE } from "./overview.ts";
import { TEST_TOKENS } from "./selfTest.ts";
import type { Scored } from "./scored.ts";
import { NO_WORK, sum, times, type Work } from "./work.ts";

const elementsOf = (roles: readonly Role[], s: LayerShape): number =>
  roles.reduce((n, role) => n + matrixShape(role, s)[0] * matrixShape(role, s)[1], 0);

export const layerElements = (s: LayerShape): number => elementsOf(ROLES, s);

/** Tokens and the length of the sequences that they stand in. */
export interface Tokens {
  readonly tokens: number;
  readonly seqLen: number;
}

/** Of a score: written and read by products, masked, its row's largest taken off, exponentiated, divided. */
const PER_SCORE = 2;
/** Of an element that is turned by its position: in halves, each multiplied twice, added, put together again. */
const PER_TURNED = 6;

/** Products of some matrices with their inputs; each output is written once. */
const products = (roles: readonly Role[], s: LayerShape): Work => ({
  flops: 2 * elementsOf(roles, s),
  elements: roles.reduce((n, role) => n + matrixShape(role, s)[0], 0),
  seconds: 0,
});

/** Of one token, what a layer computes on its way from one of its inputs to the next. */
function stretches(s: LayerShape, seqLen: number): Readonly<Record<InputKind | "end", Work>> {
  const { d, ffn, heads, kvHeads, headDim } = s;
  const elements = (n: number): Work => ({ ...NO_WORK, elements: n });
  // Masked scores are left out by blocks of queries only.
  const keys = (seqLen + Math.min(seqLen, COMPOSED_LIMITS.queries)) / 2;
  const attention: Work = {
    flops: 2 * seqLen * heads * headDim,
    elements: PER_SCORE * heads * keys + PER_TURNED * (heads + kvHeads) * headDim,
    seconds: 0,
  };
  return {
    qkv: elements(d),
    o: sum(products(["q", "k", "v"], s), attention),
    // With the residual stream.
    mlp: sum(products(["o"], s), elements(2 * d)),
    down: sum(products(["gate", "up"], s), elements(ffn)),
    end: sum(products(["down"], s), elements(d)),
  };
}

const ORDER = [...INPUT_KINDS, "end"] as const;

/** Running tokens through a layer, as far as one of its inputs or to its end. */
export function forward(s: LayerShape, { tokens, seqLen }: Tokens, to: InputKind | "end"): Work {
  const by = stretches(s, seqLen);
  const way = ORDER.slice(0, ORDER.indexOf(to) + 1);
  return times(tokens, sum(...way.map((stretch) => by[stretch])));
}

/** `XᵀX` of one input. */
const hessian = (kind: InputKind, s: LayerShape, tokens: number): Work => ({
  ...NO_WORK,
  flops: 2 * tokens * inputSize(kind, s) ** 2,
});

/** Of all four damped Hessians: about 2/3 n³ + n³/3. */
const factors = (s: LayerShape): Work => ({
  ...NO_WORK,
  flops: INPUT_KINDS.reduce((n, kind) => n + inputSize(kind, s) ** 3, 0),
});

/** Bytes a second from a file to the device or back: what a disk takes over some gigabytes, not its cache. */
const FILE_RATE = 2e9;
const fileSeconds = (bytes: number): number => bytes / FILE_RATE;

/** The residual stream of so many tokens, written or read. */
const streamed = (s: LayerShape, tokens: number): Work => ({
  ...NO_WORK,
  seconds: fileSeconds(4 * tokens * s.d),
});

/** Of a weight that is read: made float32, looked through, its norm folded in. */
const PER_READ = 10;

export const readLayerWork = (s: LayerShape): Work => ({
  ...NO_WORK,
  elements: PER_READ * layerElements(s),
  seconds: fileSeconds(2 * layerElements(s)),
});

/** Of a step, whatever its size: about a hundred operations are called, and one number is waited for. */
const STEP_SECONDS = 3e-3;
/** Of a weight in a step: its rotated copy, the importance and the gradient of that, written and read. */
const PER_STEP = 3;
/** Of one comparison of `regroupLayer` on the host. */
const COMPARISON_SECONDS = 2.5e-10;

function rotating(shape: LayerShape, recipe: Recipe): Work {
  if (recipe.rotation.kind === "none") return NO_WORK;
  const weights = layerElements(shape);
  const step: Work = {
    flops: stepFlops(shape, recipe.method),
    elements: PER_STEP * weights,
    seconds: STEP_SECONDS,
  };
  const ownR1 = recipe.rotation.kind === "layer";
  const count = !recipe.regroup ? 0 : ownR1 ? regroupedStretches(recipe.objective).length : 1;
  const regroup: Work = {
    // What is compared are the weights as the rotation leaves them.
    flops: 2 * shape.d * weights,
    elements: PER_STEP * weights,
    seconds: COMPARISON_SECONDS * regroupComparisons(shape, ownR1),
  };
  return sum(times(recipe.steps, step), times(count, regroup));
}

/** Of a layer, whatever its size: some hundred operations, its files made durable, its report. */
const LAYER_SECONDS = 0.03;
/** Of a weight: importance, entropy and pruned mass, which orders it, before and after rotation, and its mask. */
const PER_PICTURED = 35;
/** Of a weight that a histogram counts, on the host. */
const HISTOGRAM_SECONDS = 1e-7;
/** Of a weight that is chosen or not, rounded, written. */
const PER_DELETED = 10;
/** Of a weight that takes the errors of those before it over. */
const PER_CORRECTED = 9;

/** What a report shows of a layer, before and after. */
function picturing(s: LayerShape, layers: number): Work {
  const cells = cellsFor(layers);
  const parts = ROLES.map((role): Work => {
    const [rows, columns] = matrixShape(role, s);
    const weights = rows * columns;
    return {
      // Three are pooled, rows first.
      flops: 3 * 2 * weights * Math.min(rows, cells),
      elements: PER_PICTURED * weights,
      seconds: 2 * HISTOGRAM_SECONDS * Math.min(weights, SAMPLE),
    };
  });
  return sum(...parts);
}

function deleting(s: LayerShape, { method, rotation }: Recipe): Work {
  const weights = layerElements(s);
  const corrected = method === "sparsegpt";
  const correcting = ROLES.reduce(
    (n, role) => n + matrixShape(role, s)[0] * matrixShape(role, s)[1] ** 2,
    0,
  );
  const chosen: Work = {
    // The rotation is folded in.
    flops: (rotation.kind === "none" ? 0 : 2 * s.d * weights) + (corrected ? correcting : 0),
    elements: (PER_DELETED + (corrected ? PER_CORRECTED : 0)) * weights,
    seconds: LAYER_SECONDS + fileSeconds(2 * weights),
  };
  return corrected ? sum(chosen, factors(s)) : chosen;
}

/** Of a logit: written, its row's largest looked for and taken off, exponentiated, added up. */
const PER_LOGIT = 6;

const head = ({ shape: { d }, vocabulary }: RunSize, positions: number): Work => ({
  ...NO_WORK,
  flops: 2 * positions * d * vocabulary,
  elements: PER_LOGIT * positions * vocabulary,
});

/** A model that is read and scored on a text or on tasks. */
export function modelWork(run: RunSize, { tokens, windows, predicted }: Scored): Work {
  const { shape, layers } = run;
  const mean = { tokens, seqLen: tokens / Math.max(1, windows) };
  const stream = streamed(shape, tokens);
  const layer = sum(forward(shape, mean, "end"), times(2, stream), readLayerWork(shape));
  return sum(stream, times(layers, layer), head(run, predicted));
}

/** Of a layer's tensors that go into the output, its report, and what reads both again. */
const COMMIT_SECONDS = 0.02;

/** The output put together, read again and tested. */
export function commitWork(run: RunSize): Work {
  const { shape, layers } = run;
  const copied = { ...NO_WORK, seconds: COMMIT_SECONDS + fileSeconds(4 * layerElements(shape)) };
  const tested = forward(shape, { tokens: TEST_TOKENS, seqLen: TEST_TOKENS }, "end");
  const layer = sum(copied, readLayerWork(shape), tested);
  return sum(times(layers, layer), head(run, 4 * TEST_TOKENS));
}

export interface LayerWork {
  /** Of the whole stream, before the first layer. */
  readonly embed: Work;
  /** The pass before all others that OWL looks for outliers in. */
  readonly profile: Work;
  readonly collect: Work;
  readonly rotate: Work;
  readonly prune: Work;
  readonly propagate: Work;
}

export interface RunSize {
  readonly shape: LayerShape;
  readonly vocabulary: number;
  readonly layers: number;
  readonly recipe: Recipe;
}

/** One layer by stage. */
export function layerWork({ shape, layers, recipe }: RunSize): LayerWork {
  const { samples, seqLen, method, profile } = recipe;
  const own = { tokens: samples * seqLen, seqLen };
  const stream = streamed(shape, own.tokens);
  const through = sum(forward(shape, own, "end"), times(2, stream));
  const hessians = INPUT_KINDS.map((kind) => hessian(kind, shape, own.tokens));
  const inGroups = INPUT_KINDS.map((kind) => forward(shape, own, kind));
  const calibrated = method !== "magnitude";
  // The metric of SparseGPT: factors, and the inverses that R1 turns.
  const metric =
    method === "sparsegpt" ? sum(factors(shape), { ...NO_WORK, flops: 2 * shape.d ** 3 }) : NO_WORK;
  const shared = recipe.rotation.kind === "every" || recipe.rotation.kind === "global";
  const collect = sum(
    forward(shape, own, "down"),
    stream,
    ...hessians,
    metric,
    readLayerWork(shape),
    // Inside a scope the next layer sees this one's dense output.
    shared ? through : NO_WORK,
  );
  return {
    embed: calibrated ? stream : NO_WORK,
    profile: profile.kind === "owl" ? sum(through, readLayerWork(shape)) : NO_WORK,
    collect: calibrated ? collect : NO_WORK,
    rotate: rotating(shape, recipe),
    prune: sum(
      calibrated ? sum(stream, ...inGroups, ...hessians) : NO_WORK,
      // One layer alone is still there from learning.
      calibrated && !shared ? NO_WORK : readLayerWork(shape),
      picturing(shape, layers),
      // Three streams of the self-test.
      forward(shape, { tokens: 3 * TEST_TOKENS, seqLen: TEST_TOKENS }, "end"),
      deleting(shape, recipe),
    ),
    propagate: calibrated ? through : NO_WORK,
  };
}
