/**
 * Damping a Hessian before it is factorised: `H + λ·mean(diag H)·I`. Calibration sees fewer directions than there
 * are columns, so H alone is singular or nearly so. A column no token ever touched (diagonal 0) gets diagonal 1:
 * its weights are of no importance, and the other columns do not see it.
 */
import * as tf from "@tensorflow/tfjs-core";
import { badDamping, hessianNotFinite, notPositiveDefinite } from "../errors.ts";
import { inverseFactor } from "./inverseFactor.ts";

/** Beyond this the mean of the diagonal itself is added, and the Hessian says little any more. */
const LARGEST_DAMPING = 1;

export interface DampedFactor {
  /** U `[n, n]`, upper, with `(H + damping)⁻¹ = UᵀU`; owned by the caller. */
  readonly factor: tf.Tensor2D;
  /** The λ that worked: the one asked for, or ten, a hundred … times it. A larger one is a fallback to report. */
  readonly damping: number;
  /** Of the damped H: above its largest eigenvalue. */
  readonly trace: number;
  /** Columns whose diagonal was 0. */
  readonly dead: readonly number[];
}

/**
 * @param h `[n, n]`
 * @param damping λ, in (0, 1]
 * @param release disposes `h`, nobody else's; called when it is not looked at any more, so that it leaves room for the
 *   factor
 * @throws method/bad-damping, method/hessian-not-finite, method/not-positive-definite (after damping by 1)
 */
export async function dampedFactor(
  h: tf.Tensor2D,
  damping: number,
  release?: () => void,
): Promise<DampedFactor> {
  if (!(damping > 0 && damping <= LARGEST_DAMPING)) throw badDamping(damping);
  const diagonal = await readDiagonal(h);
  if (!diagonal.every(Number.isFinite)) throw hessianNotFinite();
  const dead = [...diagonal.keys()].filter((j) => diagonal[j] === 0);
  const mean = (diagonal.reduce((sum, x) => sum + x, 0) + dead.length) / diagonal.length;

  for (let lambda = damping; ; lambda = Math.min(10 * lambda, LARGEST_DAMPING)) {
    const shift = diagonal.map((x) => (x === 0 ? 1 : 0) + lambda * mean);
    const factor = await inverseFactor(h, shift, { release });
    const trace = (1 + lambda) * mean * diagonal.length;
    if (factor !== undefined) return { factor, damping: lambda, trace, dead };
    if (lambda === LARGEST_DAMPING) throw notPositiveDefinite(lambda);
  }
}

/** The diagonal of `[n, n]` as a tensor `[n]`. */
export function diagonalOf(a: tf.Tensor2D): tf.Tensor1D {
  const n = a.shape[0];
  return tf.tidy(() => {
    const places = tf.tensor1d(Int32Array.from({ length: n }, (_, i) => i * (n + 1)));
    return tf.gather(tf.reshape<tf.Rank.R1>(a, [n * n]), places);
  });
}

async function readDiagonal(a: tf.Tensor2D): Promise<Float64Array> {
  const diagonal = diagonalOf(a);
  const values = Float64Array.from(await diagonal.data());
  diagonal.dispose();
  return values;
}
