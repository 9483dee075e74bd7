/**
 * The factor of an inverse: upper triangular U with `A⁻¹ = UᵀU`, for a symmetric positive definite A too large
 * for the host.
 *
 * A is factorised backwards, `A = V Vᵀ` with V upper, so `U = V⁻¹` is one Cholesky and one triangular inverse, fewer
 * and better conditioned operations than inverting A and factorising the inverse. Both at once, by halves:
 *
 *     U22 = factor(A22)          V12 = A12 U22ᵀ
 *     U11 = factor(A11 − V12 V12ᵀ)
 *     U12 = −U11 V12 U22
 *
 * Work on the n×n matrix is products on the backend; only b×b panels on the diagonal are read and factorised on the
 * host in float64, so that no backend needs a Cholesky of its own (one that has it does all). V is never held: at the
 * most 2¼ n² numbers are alive, A among them.
 */
import * as tf from "@tensorflow/tfjs-core";
import { addProduct, hasInverseFactor, nativeInverseFactor } from "../../backend/index.ts";
import { factorPanel } from "./panel.ts";

/** Columns of a panel: large enough for products to dominate, small enough for the host. */
const PANEL = 128;

export interface InverseFactorOptions {
  readonly panel?: number | undefined;
  /** Disposes `a`, nobody else's; called when it is not looked at any more, so that it leaves room for the result. */
  readonly release?: (() => void) | undefined;
}

/**
 * @param a `[n, n]`, symmetric
 * @param shift `[n]`, added to the diagonal (damping), on the host where the panels are anyway
 * @returns U `[n, n]`, owned by the caller; undefined when the shifted matrix is not positive definite
 */
export async function inverseFactor(
  a: tf.Tensor2D,
  shift: ArrayLike<number>,
  { panel = PANEL, release }: InverseFactorOptions = {},
): Promise<tf.Tensor2D | undefined> {
  const [n] = a.shape;
  // A single panel is better off on the host: in float64, and read in one go.
  if (n <= panel || hasInverseFactor()) {
    const factor = await (n <= panel
      ? panelFactor(a, shift, 0)
      : nativeInverseFactor(a, shift, release !== undefined));
    if (factor !== undefined) release?.();
    return factor;
  }
  return factorHalves(a, 0);

  /** @param block owned by the call and freed by it, but for `a` itself; its first row is `at` of `a` */
  async function factorHalves(block: tf.Tensor2D, at: number): Promise<tf.Tensor2D | undefined> {
    const [size] = block.shape;
    const done = () => {
      if (block !== a) block.dispose();
    };
    if (size <= panel) return panelFactor(block, shift, at).finally(done);

    // Whole panels, so that all but the first are full.
    const half = size - panel * Math.max(1, Math.floor(size / panel / 2));
    const rest = size - half;
    const u22 = await factorHalves(tf.slice(block, [half, half], [rest, rest]), at + half);
    if (u22 === undefined) {
      done();
      return undefined;
    }
    const minusV12 = tf.tidy(() =>
      tf.neg(tf.matMul<tf.Tensor2D>(tf.slice(block, [0, half], [half, rest]), u22, false, true)),
    );
    // As −(−A11 + V12 V12ᵀ), whose sum can be made in place.
    const minusA11 = tf.tidy(() => tf.neg(tf.slice(block, [0, 0], [half, half])));
    done();
    const minusLeft = addProduct(minusA11, minusV12, minusV12, false, true);
    const left = tf.neg(minusLeft);
    minusLeft.dispose();
    const u11 = await factorHalves(left, at);
    if (u11 === undefined) {
      tf.dispose([u22, minusV12]);
      return undefined;
    }
    if (block === a) release?.();
    return joined(u11, minusV12, u22);
  }
}

/** `[[U11, −U11 V12 U22], [0, U22]]`; frees its parts, each as soon as it can. */
function joined(u11: tf.Tensor2D, minusV12: tf.Tensor2D, u22: tf.Tensor2D): tf.Tensor2D {
  const [above, below] = [u11.shape[0], u22.shape[0]];
  const u12 = tf.tidy(() => tf.matMul<tf.Tensor2D>(u11, tf.matMul(minusV12, u22)));
  minusV12.dispose();
  const upper = tf.concat([u11, u12], 1);
  tf.dispose([u11, u12]);
  const lower = tf.tidy(() => tf.concat([tf.zeros<tf.Rank.R2>([below, above]), u22], 1));
  u22.dispose();
  const whole = tf.concat([upper, lower], 0);
  tf.dispose([upper, lower]);
  return whole;
}

async function panelFactor(
  block: tf.Tensor2D,
  shift: ArrayLike<number>,
  at: number,
): Promise<tf.Tensor2D | undefined> {
  const [size] = block.shape;
  const values = Float64Array.from(await block.data());
  for (let i = 0; i < size; i++) {
    values[i * size + i] = (values[i * size + i] ?? NaN) + (shift[at + i] ?? NaN);
  }
  const factors = factorPanel(values, size);
  return factors && tf.tensor2d(Float32Array.from(factors.u), [size, size]);
}
