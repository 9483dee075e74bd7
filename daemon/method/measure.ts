/** Both figures of a layer under a rotation, matrix by matrix, for the report: whatever was optimised. */
import * as tf from "@tensorflow/tfjs-core";
import { prunedMassObjective } from "../backend/index.ts";
import { INPUT_OF, ROLES, type Role } from "../vocabulary.ts";
import { columnWeights } from "./columnWeights.ts";
import type { LayerProblem } from "./layerProblem.ts";
import { ENTROPY_AXES, sumOfEntropies } from "./matrixValue.ts";
import { identityRotation } from "./rotation.ts";
import type { Rotation } from "./types.ts";

export interface MatrixFigures {
  /** In nats, summed over the rows and columns that the objective counts. */
  readonly entropy: number;
  /** Mean over the rows of the share of a row's importance that the pattern deletes, 0 to 1. */
  readonly prunedMassShare: number;
}

export interface LayerFigures {
  /** The entropy objective: the sum over matrices. */
  readonly entropy: number;
  /** The pruned-mass objective: the rows' shares summed over all matrices. */
  readonly prunedMass: number;
  readonly perMatrix: Readonly<Record<Role, MatrixFigures>>;
}

/**
 * Everything that it needs is asked for before it waits: the tensors have served when it returns its promise.
 *
 * @param layer its matrices as the rotation leaves them, folded into them (`foldedMatrix`)
 * @param rotation null for a layer as it is
 */
export async function measure(
  layer: Pick<LayerProblem, "matrices" | "metric" | "shape" | "pattern">,
  rotation: Rotation | null,
): Promise<LayerFigures> {
  const { matrices, metric, shape, pattern } = layer;
  const figures = tf.tidy(() => {
    const c = columnWeights(metric, rotation ?? identityRotation(shape), shape);
    // The gradients are freed at once: at most one matrix's are alive.
    const of = (role: Role): tf.Tensor[] =>
      tf.tidy(() => {
        const [w, weights] = [matrices[role], c[INPUT_OF[role]]];
        const entropy = tf.tidy(() => sumOfEntropies(w, weights, ENTROPY_AXES[role]).loss);
        return [entropy, prunedMassObjective(w, weights, pattern).loss];
      });
    return tf.stack(ROLES.flatMap(of));
  });
  const values = await figures.data();
  figures.dispose();

  const rows = (role: Role): number => matrices[role].shape[0];
  const entries = ROLES.map((role, i) => ({
    role,
    entropy: values[2 * i] ?? NaN,
    prunedMass: values[2 * i + 1] ?? NaN,
  }));
  return {
    entropy: entries.reduce((sum, { entropy }) => sum + entropy, 0),
    prunedMass: entries.reduce((sum, { prunedMass }) => sum + prunedMass, 0),
    perMatrix: Object.fromEntries(
      entries.map(({ role, entropy, prunedMass }) => [
        role,
        { entropy, prunedMassShare: prunedMass / rows(role) },
      ]),
    ) as Record<Role, MatrixFigures>,
  };
}
