/**
 * The rotation problem of one decoder layer: loss and gradients of `R1 [d, d]` and `R2 [kvHeads, hd, hd]`, in
 * closed form. Only the rotation is learned; W and the metric are constants.
 *
 * Forward, with B = blk(R2) (each R2 repeated over its group in o) and c the column weights (columnWeights.ts):
 *
 *     Y_n  = W_n R1                     n ∈ {q, k, gate, up}
 *     Y_v  = Bᵀ (W_v R1)
 *     Y_o  = Zᵀ B,    Z = W_oᵀ R1
 *     Y_d  = R1ᵀ W_d
 *     f    = Σ_n f_n(Y_n, c_n)
 *
 * The fused kernels give f_n, `G_n = ∂f_n/∂Y_n` and `g_n = ∂f_n/∂c_n`. Backward:
 *
 *     ∂f/∂R1 = Σ_{q,k,gate,up} W_nᵀ G_n  +  W_vᵀ (B G_v)  +  W_o (B G_oᵀ)  +  W_d G_dᵀ  +  through c_qkv, c_mlp
 *     ∂f/∂R2 = Σ (W_v R1) G_vᵀ  +  Σ_{query heads of the group} Z G_o  +  through c_o        (blocks on the diagonal)
 *
 * Every product with R1 is one large matrix product: 4·d multiplications and additions per weight and step
 * (`stepFlops`). TensorFlow.js operations cost 10–30 µs each whatever their size, so small models depend on there
 * being few of them: their matrices of one input are stacked (q over k, gate over up). Large models depend on memory:
 * one matrix's rotated copy and gradient are alive at a time.
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  entropyObjective,
  prunedMassObjective,
  searchAddProduct,
  searchProduct,
  type ObjectiveValue,
} from "../backend/index.ts";
import type { LayerShape, Pattern } from "../vocabulary.ts";
import { layerColumns } from "./columnWeights.ts";
import type { LayerMetric } from "./metric.ts";
import type { Criterion, Evaluation, RotationProblem } from "./problem.ts";
import { perQueryHead, sumOverGroup, turnHeadColumns, turnValueRows } from "./rotation.ts";
import type { LayerMatrices, Rotation } from "./types.ts";

/** Along what a matrix's importance is normalised for the entropy: the axes that a rotation acts on. */
export const ENTROPY_AXES = {
  q: [1],
  k: [1],
  v: [1, 0],
  o: [1, 0],
  gate: [1],
  up: [1],
  down: [0],
} as const satisfies Record<keyof LayerMatrices, readonly (0 | 1)[]>;

export interface LayerProblem extends RotationProblem {
  readonly shape: LayerShape;
  readonly metric: LayerMetric;
  readonly pattern: Pattern;
  readonly matrices: LayerMatrices;
  /** Frees what the problem made for itself; matrices and metric stay the caller's. */
  dispose(): void;
}

/** Up to this hidden size, matrices of one input are stacked: operations are few and the copies are small. */
const STACK_UP_TO = 256;

/** The matrices and the metric are borrowed: they must outlive the problem. */
export function createLayerProblem(
  matrices: LayerMatrices,
  metric: LayerMetric,
  shape: LayerShape,
  pattern: Pattern,
): LayerProblem {
  const { q, k, gate, up } = matrices;
  const stacks: tf.Tensor2D[] =
    shape.d <= STACK_UP_TO ? [tf.concat([q, k], 0), tf.concat([gate, up], 0)] : [];
  const [qk, gateUp] = stacks;
  const inputs: Inputs = { qk: qk ? [qk] : [q, k], gateUp: gateUp ? [gateUp] : [gate, up] };
  const problem: LayerProblem = {
    d: shape.d,
    blocks: shape.kvHeads,
    headDim: shape.headDim,
    shape,
    metric,
    pattern,
    matrices,
    evaluate: (rotation, criterion) =>
      Promise.resolve(evaluateLayer(problem, inputs, rotation, criterion)),
    dispose() {
      tf.dispose(stacks);
    },
  };
  return problem;
}

/** Matrices that are rotated by R1 alone, by input: stacked or one by one. */
interface Inputs {
  readonly qk: readonly tf.Tensor2D[];
  readonly gateUp: readonly tf.Tensor2D[];
}

/** What one matrix adds to loss and gradients. Its rotated copy and the gradient of that are freed before the next. */
interface Part extends tf.NamedTensorMap {
  readonly loss: tf.Scalar;
  readonly gradC: tf.Tensor1D;
  /** `[d, d]`, with what the parts before added: those have handed theirs over. */
  readonly gradR1: tf.Tensor2D;
}

function evaluateLayer(
  { shape, metric, pattern, matrices }: LayerProblem,
  { qk, gateUp }: Inputs,
  { r1, r2 }: Rotation,
  criterion: Criterion,
): Evaluation {
  const { d, heads, kvHeads, headDim } = shape;
  return tf.tidy(() => {
    const r2h = perQueryHead(r2, heads);
    const c = layerColumns(metric, r1, r2h, shape);
    const value = (y: tf.Tensor2D, weights: tf.Tensor1D, axes: readonly (0 | 1)[]) =>
      criterion.objective === "entropy"
        ? sumOfEntropies(y, weights, axes)
        : prunedMassObjective(y, weights, pattern, criterion.temperature);

    const ofV = tf.tidy(() => {
      const half = searchProduct(matrices.v, r1);
      const { loss, gradW, gradC } = value(turnValueRows(half, r2), c.qkv.c, ENTROPY_AXES.v);
      const g = tf.reshape(gradW, [kvHeads, headDim, d]);
      const gHalf = tf.reshape<tf.Rank.R2>(tf.matMul(r2, g), half.shape);
      return {
        loss,
        gradC,
        gradR1: searchProduct(matrices.v, gHalf, true, false),
        gradR2: tf.matMul<tf.Tensor3D>(tf.reshape(half, g.shape), g, false, true),
      };
    });
    const ofO = tf.tidy(() => {
      const half = searchProduct(matrices.o, r1, true, false);
      const { loss, gradW, gradC } = value(turnHeadColumns(half, r2h), c.o.c, ENTROPY_AXES.o);
      const g = tf.transpose(tf.reshape(gradW, [d, heads, headDim]), [1, 0, 2]);
      const gHalf = tf.reshape<tf.Rank.R2>(tf.matMul(r2h, g, false, true), half.shape);
      return {
        loss,
        gradC,
        gradR1: searchAddProduct(ofV.gradR1, matrices.o, gHalf),
        perHead: tf.matMul<tf.Tensor3D>(tf.reshape(half, [heads, headDim, d]), g),
      };
    });
    const ofDown: Part = tf.tidy(() => {
      const y = searchProduct(r1, matrices.down, true, false);
      const { loss, gradW, gradC } = value(y, c.down.c, ENTROPY_AXES.down);
      return {
        loss,
        gradC,
        gradR1: searchAddProduct(ofO.gradR1, matrices.down, gradW, false, true),
      };
    });
    let gradR1 = ofDown.gradR1;
    const streamed = (w: tf.Tensor2D, weights: tf.Tensor1D): Part => {
      const part = tf.tidy(() => {
        const { loss, gradW, gradC } = value(searchProduct(w, r1), weights, ENTROPY_AXES.q);
        return { loss, gradC, gradR1: searchAddProduct(gradR1, w, gradW, true, false) };
      });
      gradR1 = part.gradR1;
      return part;
    };
    const ofQk = qk.map((w) => streamed(w, c.qkv.c));
    const ofGateUp = gateUp.map((w) => streamed(w, c.mlp.c));

    const parts = [...ofQk, ofV, ofO, ...ofGateUp, ofDown];
    const gradC = (of: readonly { gradC: tf.Tensor1D }[]): tf.Tensor1D =>
      tf.addN(of.map((part) => part.gradC));
    if (c.qkv.pull) gradR1 = c.qkv.pull(gradC([...ofQk, ofV]), gradR1);
    if (c.mlp.pull) gradR1 = c.mlp.pull(gradC(ofGateUp), gradR1);
    const perHead = c.o.pull ? c.o.pull(ofO.gradC, ofO.perHead) : ofO.perHead;
    return {
      loss: tf.addN(parts.map(({ loss }) => loss)),
      gradR1,
      gradR2: tf.add<tf.Tensor3D>(ofV.gradR2, sumOverGroup(perHead, kvHeads)),
    };
  });
}

/** The entropies along every axis of one matrix, as a single objective. */
export function sumOfEntropies(
  y: tf.Tensor2D,
  c: tf.Tensor1D,
  axes: readonly (0 | 1)[],
): ObjectiveValue {
  return axes
    .map((axis) => entropyObjective(y, c, axis))
    .reduce((sum, value) => ({
      loss: tf.add(sum.loss, value.loss),
      gradW: tf.add(sum.gradW, value.gradW),
      gradC: tf.add(sum.gradC, value.gradC),
    }));
}
