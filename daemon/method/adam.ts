/**
 * Adam in the Lie algebra of the orthogonal group (method.md §4): moments of the skew gradient Ω, elementwise, so
 * that the update is skew again; R moves by a retraction instead of an addition.
 *
 *     m ← β₁ m + (1 − β₁) Ω        v ← β₂ v + (1 − β₂) Ω²
 *     A = η (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)        R ← R f(−A)
 *
 * Kept without the factors (1 − β), which go into η: two operations fewer per step.
 */
import * as tf from "@tensorflow/tfjs-core";
import { adamDirection, move } from "../backend/index.ts";
import { powerStart } from "./orthogonal.ts";

const BETA1 = 0.9;
const BETA2 = 0.99;
/** Only against 0/0 (the diagonal of Ω is zero). */
const EPSILON = 1e-12;

/** Adam's state for one stack of orthogonal matrices, `[blocks, n, n]`. */
export interface AdamState extends tf.TensorContainerObject {
  readonly step: number;
  /** Σ β₁^(t−s) Ω_s */
  readonly first: tf.Tensor3D;
  /** Σ β₂^(t−s) Ω_s² */
  readonly second: tf.Tensor3D;
  readonly power: tf.Tensor3D;
}

export function startAdam(blocks: number, n: number): AdamState {
  return {
    step: 0,
    first: tf.fill([blocks, n, n], 0),
    second: tf.fill([blocks, n, n], 0),
    power: powerStart(blocks, n),
  };
}

export interface AdamMove extends tf.TensorContainerObject {
  readonly r: tf.Tensor3D;
  readonly state: AdamState;
}

/**
 * One step; new tensors throughout, the old ones are not disposed.
 *
 * @param r, gradient `[blocks, n, n]`; gradient is the Euclidean one
 */
export function adamStep(
  r: tf.Tensor3D,
  gradient: tf.Tensor3D,
  state: AdamState,
  learningRate: number,
): AdamMove {
  const step = state.step + 1;
  // (1 − β) of the running means over their bias corrections
  const firstScale = (1 - BETA1) / (1 - BETA1 ** step);
  const secondScale = (1 - BETA2) / (1 - BETA2 ** step);
  const eta = (learningRate * firstScale) / Math.sqrt(secondScale);
  return tf.tidy(() => {
    const product: tf.Tensor3D = tf.matMul(r, gradient, true, false);
    const rates = { beta1: BETA1, beta2: BETA2, eta, epsilon: EPSILON };
    const { first, second, a } = adamDirection(product, state, rates);
    product.dispose();
    const moved = move(r, a, state.power);
    return { r: moved.r, state: { step, first, second, power: moved.power } };
  });
}

export function disposeAdam({ first, second, power }: AdamState): void {
  first.dispose();
  second.dispose();
  power.dispose();
}
