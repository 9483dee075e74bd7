/** What is minimised of one rotated matrix. */
import * as tf from "@tensorflow/tfjs-core";
import { entropyObjective, prunedMassObjective, type ObjectiveValue } from "../backend/index.ts";
import type { Pattern, Role } from "../vocabulary.ts";
import type { Criterion } from "./problem.ts";

/** Along what a matrix's importance is normalised for the entropy: the axes that a rotation acts on. */
export const ENTROPY_AXES = {
  q: [1],
  k: [1],
  v: [1, 0],
  o: [1, 0],
  gate: [1],
  up: [1],
  down: [0],
} as const satisfies Record<Role, readonly (0 | 1)[]>;

export interface Wanted {
  readonly criterion: Criterion;
  readonly pattern: Pattern;
  /** Also the entropies, where they are not the criterion. */
  readonly withEntropy: boolean;
}

export interface MatrixValue extends tf.TensorContainerObject {
  readonly loss: tf.Scalar;
  /** `[rows, cols]` */
  readonly gradW: tf.Tensor2D;
  /** `[cols]` */
  readonly gradC: tf.Tensor1D;
  /** By axis, where they are wanted beside the loss. */
  readonly entropies: tf.Scalar[];
}

/** @param c weights of the columns of `y` */
export function matrixValue(
  y: tf.Tensor2D,
  c: tf.Tensor1D,
  axes: readonly (0 | 1)[],
  { criterion, pattern, withEntropy }: Wanted,
): MatrixValue {
  if (criterion.objective === "entropy") {
    return { ...sumOfEntropies(y, c, axes), entropies: [] };
  }
  const entropies = withEntropy ? entropiesOf(y, c, axes) : [];
  return { ...prunedMassObjective(y, c, pattern, criterion.temperature), entropies };
}

/** The entropies along every axis; gradients are freed one by one. */
const entropiesOf = (y: tf.Tensor2D, c: tf.Tensor1D, axes: readonly (0 | 1)[]): tf.Scalar[] =>
  axes.map((axis) => tf.tidy(() => entropyObjective(y, c, axis).loss));

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
