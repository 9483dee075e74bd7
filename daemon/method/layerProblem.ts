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
 *
 * The terms of the matrices may be shared by several GPUs (shares.ts): each keeps the weights of its own, gets R1, R2
 * and c from the first and gives one gradient of R1 back. The metric, R1's sum and the optimizer are the first's.
 */
import * as tf from "@tensorflow/tfjs-core";
import { bringSearchOperand, forgetRounded, onGpu, placeOn } from "../backend/index.ts";
import type { LayerShape, Pattern } from "../vocabulary.ts";
import { layerColumns } from "./columnWeights.ts";
import { layerTerms, type LayerTerms, type Part, type Point, type Term } from "./layerTerms.ts";
import type { Wanted } from "./matrixValue.ts";
import type { LayerMetric } from "./metric.ts";
import type { Evaluation, RotationProblem } from "./problem.ts";
import { perQueryHead, sumOverGroup } from "./rotation.ts";
import { balanced, columnsCost, termCost } from "./shares.ts";
import type { LayerMatrices, Rotation } from "./types.ts";

export interface LayerProblem extends RotationProblem {
  readonly shape: LayerShape;
  readonly metric: LayerMetric;
  readonly pattern: Pattern;
  readonly matrices: LayerMatrices;
  /** Frees what the problem made for itself; matrices and metric stay the caller's. */
  dispose(): void;
}

/** Up to this hidden size, matrices of one input are stacked: operations are few and the copies are small. */
export const STACK_UP_TO = 256;

/**
 * The matrices and the metric are borrowed: they must outlive the problem.
 *
 * @param gpus how many share the terms (`gpusForRotation`). Until the problem is disposed the weights lie only where
 *   they are needed
 */
export function createLayerProblem(
  matrices: LayerMatrices,
  metric: LayerMetric,
  shape: LayerShape,
  pattern: Pattern,
  gpus = 1,
): LayerProblem {
  const { q, k, gate, up } = matrices;
  const stacks: tf.Tensor2D[] =
    shape.d <= STACK_UP_TO ? [tf.concat([q, k], 0), tf.concat([gate, up], 0)] : [];
  const terms = layerTerms(matrices, stacks);
  const places = placesOf(terms, metric, shape, gpus);
  for (const [{ w }, gpu] of places) if (gpu > 0) placeOn(gpu, w);
  const problem: LayerProblem = {
    d: shape.d,
    blocks: shape.kvHeads,
    headDim: shape.headDim,
    shape,
    metric,
    pattern,
    matrices,
    evaluate: (rotation, criterion, withEntropy = false) => {
      const wanted = { criterion, pattern, withEntropy };
      return Promise.resolve(evaluateLayer(problem, { terms, places }, rotation, wanted));
    },
    dispose() {
      for (const [{ w }, gpu] of places) {
        forgetRounded(w);
        if (gpu > 0) placeOn(0, w);
      }
      tf.dispose(stacks);
    },
  };
  return problem;
}

/** Which GPU computes a term. */
type Places = ReadonlyMap<Term, number>;

function placesOf(
  { v, o, down, qk, gateUp }: LayerTerms,
  { method }: LayerMetric,
  { d }: LayerShape,
  gpus: number,
): Places {
  const all: readonly Term[] = [v, o, down, ...qk, ...gateUp];
  const costs = all.map(({ w }) => termCost(w.size, d));
  const places = balanced(costs, gpus, columnsCost(method, d));
  return new Map(all.map((term, i) => [term, places[i] ?? 0]));
}

function evaluateLayer(
  { shape, metric }: LayerProblem,
  { terms, places }: { readonly terms: LayerTerms; readonly places: Places },
  { r1, r2 }: Rotation,
  wanted: Wanted,
): Evaluation {
  const { heads, kvHeads } = shape;
  return tf.tidy(() => {
    // Ahead of the column weights: the other GPUs can begin while the first computes those.
    for (const gpu of new Set(places.values()))
      onGpu(gpu, () => {
        bringSearchOperand(r1);
      });
    const perHead = perQueryHead(r2, heads);
    const { qkv, o, mlp, down } = layerColumns(metric, r1, perHead, shape);
    const c = { qkv: qkv.c, o: o.c, mlp: mlp.c, down: down.c };
    const at: Point = { r1, r2, perHead, c, shape, ...wanted };
    /** Of each GPU, what its terms gave so far. */
    const sums: tf.Tensor2D[] = [];
    const evaluate = <P extends Part>(term: Term<P>): P => {
      const gpu = places.get(term) ?? 0;
      const part = onGpu(gpu, () => term.evaluate(at, sums[gpu]));
      sums[gpu] = part.gradR1;
      return part;
    };
    const ofV = evaluate(terms.v);
    const ofO = evaluate(terms.o);
    const ofDown = evaluate(terms.down);
    const ofQk = terms.qk.map(evaluate);
    const ofGateUp = terms.gateUp.map(evaluate);

    let gradR1 = sums.reduce(sumOfBoth);
    const gradC = (of: readonly Part[]): tf.Tensor1D => tf.addN(of.map((part) => part.gradC));
    if (qkv.pull) gradR1 = qkv.pull(gradC([...ofQk, ofV]), gradR1);
    if (mlp.pull) gradR1 = mlp.pull(gradC(ofGateUp), gradR1);
    const ofHeads = o.pull ? o.pull(ofO.gradC, ofO.gradR2) : ofO.gradR2;
    const parts = [...ofQk, ofV, ofO, ...ofGateUp, ofDown];
    const entropies = parts.flatMap((part) => part.entropies);
    return {
      loss: tf.addN(parts.map(({ loss }) => loss)),
      entropy: entropies.length > 0 ? tf.addN(entropies) : undefined,
      gradR1,
      gradR2: tf.add<tf.Tensor3D>(ofV.gradR2, sumOverGroup(ofHeads, kvHeads)),
    };
  });
}

/** Takes both over. */
function sumOfBoth(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  const sum = tf.add<tf.Tensor2D>(a, b);
  tf.dispose([a, b]);
  return sum;
}
