/**
 * One R1 for several layers (rotation `global` or `every:K`): the sum of the layers' problems, each with an R2 of
 * its own. R2 is the layers' stacks one after the other, `[count · kvHeads, hd, hd]`. Layers are loaded one at a
 * time, so memory need not hold them all.
 */
import * as tf from "@tensorflow/tfjs-core";
import { allOrNothing } from "../backend/index.ts";
import type { LayerShape } from "../vocabulary.ts";
import type { LayerProblem } from "./layerProblem.ts";
import { nextTurn } from "./nextTurn.ts";
import type { Criterion, Evaluation, RotationProblem } from "./problem.ts";
import type { Rotation } from "./types.ts";

/** Where the layers come from: from memory, or from disk each time they are asked for. All have one shape. */
export interface LayerSource {
  readonly count: number;
  readonly shape: LayerShape;
  load(index: number): Promise<LayerProblem>;
  /** Called after every use of a loaded problem. */
  release(problem: LayerProblem, index: number): void;
}

export function createJointProblem(source: LayerSource): RotationProblem {
  const { d, kvHeads, headDim } = source.shape;
  return {
    d,
    blocks: source.count * kvHeads,
    headDim,
    evaluate: (rotation, criterion, withEntropy = false) =>
      evaluateJoint(source, rotation, criterion, withEntropy),
  };
}

/** The rotation of each of `count` layers that share R1: views that the caller owns. */
export function splitRotation({ r1, r2 }: Rotation, count: number): Rotation[] {
  const [blocks, hd] = r2.shape;
  return Array.from({ length: count }, (_, i) => ({
    r1: tf.clone(r1),
    r2: tf.slice(r2, [(i * blocks) / count, 0, 0], [blocks / count, hd, hd]),
  }));
}

async function evaluateJoint(
  source: LayerSource,
  rotation: Rotation,
  criterion: Criterion,
  withEntropy: boolean,
): Promise<Evaluation> {
  const loss: tf.Scalar[] = [];
  const entropies: tf.Scalar[] = [];
  const gradR2: tf.Tensor3D[] = [];
  let gradR1: tf.Tensor2D | undefined;
  for (let i = 0; i < source.count; i++) {
    await nextTurn();
    // A stretch by itself: of layers that are loaded for every step, not every tensor is remembered to the end.
    const layer = await allOrNothing(() =>
      evaluateOne(source, i, rotation, criterion, withEntropy),
    );
    loss.push(layer.loss);
    if (layer.entropy) entropies.push(layer.entropy);
    gradR2.push(layer.gradR2);
    gradR1 = gradR1 === undefined ? layer.gradR1 : replacedBySum(gradR1, layer.gradR1);
  }
  if (gradR1 === undefined) throw new RangeError("a joint problem needs a layer");
  const evaluation = {
    loss: tf.addN(loss),
    gradR1,
    gradR2: tf.concat(gradR2, 0),
    entropy: entropies.length > 0 ? tf.addN(entropies) : undefined,
  };
  tf.dispose([loss, gradR2, entropies]);
  return evaluation;
}

async function evaluateOne(
  source: LayerSource,
  index: number,
  { r1, r2 }: Rotation,
  criterion: Criterion,
  withEntropy: boolean,
): Promise<Evaluation> {
  const { kvHeads, headDim } = source.shape;
  const problem = await source.load(index);
  const own = tf.slice(r2, [index * kvHeads, 0, 0], [kvHeads, headDim, headDim]);
  const evaluation = await problem.evaluate({ r1, r2: own }, criterion, withEntropy);
  own.dispose();
  source.release(problem, index);
  return evaluation;
}

function replacedBySum(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  const sum = tf.add<tf.Tensor2D>(a, b);
  tf.dispose([a, b]);
  return sum;
}
