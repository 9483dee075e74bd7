/**
 * The factor of an inverse: upper triangular U with `A⁻¹ = UᵀU`, for a symmetric positive definite A too large
 * for the host.
 *
 * A is factorised backwards, `A = V Vᵀ` with V upper, so U = V⁻¹ is one Cholesky and one triangular inverse, fewer
 * and better conditioned operations than inverting A and factorising the inverse. Work on the n×n matrix is
 * products on the backend; only b×b panels on the diagonal are read and factorised on the host in float64, so that
 * no backend needs a Cholesky of its own.
 */
import * as tf from "@tensorflow/tfjs-core";
import { factorPanel } from "./panel.ts";

/** Columns of a panel: large enough for products to dominate, small enough for the host. */
const PANEL = 128;

/** One panel of columns `[start, end)` of V, and the inverse of its block on the diagonal. */
interface Panel {
  readonly start: number;
  readonly end: number;
  /** `[start, end − start]`: V above the diagonal block; undefined for the first panel. */
  readonly above: tf.Tensor2D | undefined;
  /** `[end − start, end − start]` */
  readonly inverse: tf.Tensor2D;
}

/**
 * @param a `[n, n]`, symmetric
 * @param shift `[n]`, added to the diagonal (damping), on the host where the panels are anyway
 * @returns U `[n, n]`, owned by the caller; undefined when the shifted matrix is not positive definite
 */
export async function inverseFactor(
  a: tf.Tensor2D,
  shift: ArrayLike<number>,
  panel = PANEL,
): Promise<tf.Tensor2D | undefined> {
  const panels = await factorBackwards(a, shift, panel);
  if (panels === undefined) return undefined;
  const u = tf.tidy(() => tf.clone(invert(panels)));
  panels.forEach(disposePanel);
  return u;
}

/** V by panels, the last columns first; the returned list is in column order. */
async function factorBackwards(
  a: tf.Tensor2D,
  shift: ArrayLike<number>,
  width: number,
): Promise<Panel[] | undefined> {
  const n = a.shape[0];
  const panels: Panel[] = [];
  /** `[end, end]`: A minus what the panels found so far explain. */
  let trailing = tf.clone(a);
  for (let end = n; end > 0;) {
    const start = Math.floor((end - 1) / width) * width;
    const size = end - start;
    const corner = tf.slice(trailing, [start, start], [size, size]);
    const block = Float64Array.from(await corner.data());
    corner.dispose();
    for (let i = 0; i < size; i++) {
      block[i * size + i] = (block[i * size + i] ?? NaN) + (shift[start + i] ?? NaN);
    }
    const factors = factorPanel(block, size);
    if (factors === undefined) {
      trailing.dispose();
      panels.forEach(disposePanel);
      return undefined;
    }
    const inverse = tf.tensor2d(Float32Array.from(factors.u), [size, size]);
    const above = start === 0 ? undefined : columnsAbove(trailing, start, size, inverse);
    panels.unshift({ start, end, above, inverse });
    const rest = above === undefined ? undefined : downdate(trailing, start, above);
    trailing.dispose();
    if (rest !== undefined) trailing = rest;
    end = start;
  }
  return panels;
}

/** `V_ik = A_ik V_kk⁻ᵀ` */
function columnsAbove(
  trailing: tf.Tensor2D,
  start: number,
  size: number,
  inverse: tf.Tensor2D,
): tf.Tensor2D {
  return tf.tidy(() =>
    tf.matMul<tf.Tensor2D>(tf.slice(trailing, [0, start], [start, size]), inverse, false, true),
  );
}

/** `A_ij ← A_ij − V_ik V_jkᵀ` */
function downdate(trailing: tf.Tensor2D, start: number, above: tf.Tensor2D): tf.Tensor2D {
  return tf.tidy(() => {
    const explained = tf.matMul<tf.Tensor2D>(above, above, false, true);
    return tf.sub<tf.Tensor2D>(tf.slice(trailing, [0, 0], [start, start]), explained);
  });
}

/** Halving: the inverse of `[[V11, V12], [0, V22]]` is `[[U11, −U11 V12 U22], [0, U22]]`. */
function invert(panels: readonly Panel[]): tf.Tensor2D {
  const [first] = panels;
  if (first === undefined) throw new RangeError("a matrix without columns has no factor");
  if (panels.length === 1) return first.inverse;
  const half = panels.length >> 1;
  const [left, right] = [panels.slice(0, half), panels.slice(half)];
  return tf.tidy(() => {
    const [u11, u22] = [invert(left), invert(right)];
    const [rows, columns] = [u11.shape[0], u22.shape[0]];
    const v12 = tf.concat(
      right.map(({ above, start, end }) => {
        if (above === undefined) throw new RangeError("only the first panel has nothing above it");
        return tf.slice(above, [first.start, 0], [rows, end - start]);
      }),
      1,
    );
    const u12: tf.Tensor2D = tf.neg(tf.matMul(u11, tf.matMul(v12, u22)));
    const below = tf.zeros<tf.Rank.R2>([columns, rows]);
    return tf.concat([tf.concat([u11, u12], 1), tf.concat([below, u22], 1)], 0);
  });
}

function disposePanel({ above, inverse }: Panel): void {
  above?.dispose();
  inverse.dispose();
}
