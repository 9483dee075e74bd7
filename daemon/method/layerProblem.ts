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
 * Matrices with the same input and objective are stacked (q over k, gate over up), W_o is held transposed so that
 * heads lie along its rows, and every product with R1 is one large matrix product: 4·d multiplications and
 * additions per weight and step (`stepFlops`). TensorFlow.js operations cost 10–30 µs each whatever their size, so
 * small models depend on there being few of them.
 */
import * as tf from "@tensorflow/tfjs-core";
import { entropyObjective, prunedMassObjective, type ObjectiveValue } from "../backend/index.ts";
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

/** The matrices and the metric are borrowed: they must outlive the problem. */
export function createLayerProblem(
  matrices: LayerMatrices,
  metric: LayerMetric,
  shape: LayerShape,
  pattern: Pattern,
): LayerProblem {
  const stacked = tf.tidy(() => ({
    qk: tf.keep(tf.concat([matrices.q, matrices.k], 0)),
    gateUp: tf.keep(tf.concat([matrices.gate, matrices.up], 0)),
    oT: tf.keep(tf.transpose(matrices.o)),
  }));
  const problem: LayerProblem = {
    d: shape.d,
    blocks: shape.kvHeads,
    headDim: shape.headDim,
    shape,
    metric,
    pattern,
    matrices,
    evaluate: (rotation, criterion) =>
      Promise.resolve(evaluateLayer(problem, stacked, rotation, criterion)),
    dispose() {
      tf.dispose(stacked);
    },
  };
  return problem;
}

interface Stacked {
  /** q over k, `[(heads + kvHeads)·hd, d]` */
  readonly qk: tf.Tensor2D;
  /** gate over up, `[2·ffn, d]` */
  readonly gateUp: tf.Tensor2D;
  /** `W_oᵀ [heads·hd, d]` */
  readonly oT: tf.Tensor2D;
}

function evaluateLayer(
  { shape, metric, pattern, matrices }: LayerProblem,
  { qk, gateUp, oT }: Stacked,
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

    const vHalf: tf.Tensor2D = tf.matMul(matrices.v, r1);
    const oHalf: tf.Tensor2D = tf.matMul(oT, r1);
    const ofQk = value(tf.matMul(qk, r1), c.qkv.c, ENTROPY_AXES.q);
    const ofV = value(turnValueRows(vHalf, r2), c.qkv.c, ENTROPY_AXES.v);
    const ofO = value(turnHeadColumns(oHalf, r2h), c.o.c, ENTROPY_AXES.o);
    const ofGateUp = value(tf.matMul(gateUp, r1), c.mlp.c, ENTROPY_AXES.gate);
    const ofDown = value(tf.matMul(r1, matrices.down, true, false), c.down.c, ENTROPY_AXES.down);

    const gV = tf.reshape(ofV.gradW, [kvHeads, headDim, d]);
    const gVHalf = tf.reshape<tf.Rank.R2>(tf.matMul(r2, gV), vHalf.shape);
    const gO = tf.transpose(tf.reshape(ofO.gradW, [d, heads, headDim]), [1, 0, 2]);
    const gOHalf = tf.reshape<tf.Rank.R2>(tf.matMul(r2h, gO, false, true), oHalf.shape);
    const gradR1: tf.Tensor2D[] = [
      tf.matMul(qk, ofQk.gradW, true, false),
      tf.matMul(matrices.v, gVHalf, true, false),
      tf.matMul(oT, gOHalf, true, false),
      tf.matMul(gateUp, ofGateUp.gradW, true, false),
      tf.matMul(matrices.down, ofDown.gradW, false, true),
    ];
    if (c.qkv.pull) gradR1.push(c.qkv.pull(tf.add<tf.Tensor1D>(ofQk.gradC, ofV.gradC)));
    if (c.mlp.pull) gradR1.push(c.mlp.pull(ofGateUp.gradC));

    const valueSide: tf.Tensor3D = tf.matMul(tf.reshape(vHalf, gV.shape), gV, false, true);
    const outputSide: tf.Tensor3D = tf.matMul(tf.reshape(oHalf, [heads, headDim, d]), gO);
    const perHead = c.o.pull ? tf.add<tf.Tensor3D>(outputSide, c.o.pull(ofO.gradC)) : outputSide;
    return {
      loss: tf.addN([ofQk, ofV, ofO, ofGateUp, ofDown].map(({ loss }) => loss)),
      gradR1: tf.addN(gradR1),
      gradR2: tf.add<tf.Tensor3D>(valueSide, sumOverGroup(perHead, kvHeads)),
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
