/** The values that the method's functions exchange: the matrices of one decoder layer, and its rotation. */
import type * as tf from "@tensorflow/tfjs-core";
import type { InputKind, Role } from "../vocabulary.ts";

/** `[out, in]` of each role (`matrixShape`), with the gains of the norms already folded into the columns. */
export type LayerMatrices = Readonly<Record<Role, tf.Tensor2D>>;

/** `H = 2/N · XᵀX` of each input kind, `[in, in]`: symmetric, positive semidefinite. */
export type Hessians = Readonly<Record<InputKind, tf.Tensor2D>>;

/** One rotation of the residual stream and one per key/value head; all orthogonal. */
export interface Rotation {
  /** `[d, d]` */
  readonly r1: tf.Tensor2D;
  /** `[kvHeads, headDim, headDim]`; for several layers that share R1, their stacks one after the other. */
  readonly r2: tf.Tensor3D;
}

export function disposeRotation(rotation: Rotation): void {
  rotation.r1.dispose();
  rotation.r2.dispose();
}
