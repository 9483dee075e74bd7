/** What the optimizer asks of a problem: the loss of a rotation and its gradients in closed form. */
import type * as tf from "@tensorflow/tfjs-core";
import type { Rotation } from "./types.ts";

/**
 * What is minimised. `temperature` softens the choice of what is pruned (`prunedMassObjective`); 0 is the pattern
 * itself.
 */
export type Criterion =
  | { readonly objective: "entropy" }
  | { readonly objective: "pruned-mass"; readonly temperature: number };

/** Loss and Euclidean gradients; owned by whoever asked. */
export interface Evaluation {
  readonly loss: tf.Scalar;
  /** `[d, d]` */
  readonly gradR1: tf.Tensor2D;
  /** `[blocks, headDim, headDim]` */
  readonly gradR2: tf.Tensor3D;
  /** The entropy objective at the same rotation, where it was asked for beside another. */
  readonly entropy?: tf.Scalar | undefined;
}

export interface RotationProblem {
  /** Size of R1. */
  readonly d: number;
  /** Number of R2 blocks: the key/value heads of all layers of the problem. */
  readonly blocks: number;
  /** Size of each R2 block. */
  readonly headDim: number;
  /** @param withEntropy also gives the entropy, from the rotated matrices that the criterion needs anyway */
  evaluate(rotation: Rotation, criterion: Criterion, withEntropy?: boolean): Promise<Evaluation>;
}

export function disposeEvaluation({ loss, gradR1, gradR2, entropy }: Evaluation): void {
  loss.dispose();
  gradR1.dispose();
  gradR2.dispose();
  entropy?.dispose();
}
