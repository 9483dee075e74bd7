/**
 * Moving on the orthogonal group with matrix products only (no factorisation), for a stack of matrices
 * `[blocks, n, n]`.
 *
 * Adam's direction A comes from the moments of the skew gradient `Ω = P − Pᵀ`, `P = RᵀG`, elementwise, so that it is
 * skew as well. A step along it needs an orthogonal f(A). The Cayley transform takes a solve; here f is a polynomial
 * that is orthogonal up to rounding where it matters, cleaned by one Newton–Schulz iteration:
 *
 *     f(A) = p(A²) + A q(A²)     p quadratic, q linear: two products, A² and the one below
 *
 * For an eigenvalue iθ of A, x = θ²: `|f|² = p(−x)² + x q(−x)²`, of degree 4 in x. Its coefficients are chosen so
 * that `|f|² − 1 = ε T₄(2x/4 − 1)` (Chebyshev), hence |f|² = 1 ± 1.55e-3 for all θ ≤ 2, and q(0) = p(0), so the
 * angle is θ to first order (within 2.5 % up to θ = 1, 9 % up to 2). Newton–Schulz, `X (3 I − XᵀX) / 2`, turns an
 * error e of XᵀX into ¾ e²: 2e-6, below float32 rounding of the products.
 */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, runFused } from "./dispatch.ts";

/** p(B) = P0 + P1 B + P2 B² and q(B) = P0 + Q1 B for B = A² (which is −x on the eigenvalue above). */
export const POLYNOMIAL = {
  p0: 1.00077329692886,
  p1: 0.506570633791011,
  p2: 0.027813592413247774,
  q1: 0.14829137159701966,
} as const;

/**
 * Longest step, as the spectral norm of A: a step is scaled down to it. Below 2 because the norm is estimated from
 * below; Newton–Schulz still recovers from an underestimate by a quarter. Adam's first steps are sign matrices,
 * which can be far longer than their entries suggest; later ones are near 2·η·√n.
 */
export const LONGEST_STEP = 1.8;

/**
 * Power iterations per step. The vector kept from the step before is a start, no more: where a matrix of many even
 * angles holds one that is far longer, a new one turns up with a share of about 2/n in it. Two iterations then saw 0.64
 * of the norm (d = 1024, ill-conditioned Hessians), and a rotation that has left the group comes to NaN within steps.
 * An iteration multiplies the share by the fourth power of the angles' ratio, and costs n² where the step costs n³.
 */
export const POWER_ITERATIONS = 8;

export interface AdamRates {
  readonly beta1: number;
  readonly beta2: number;
  readonly eta: number;
  readonly epsilon: number;
}

export interface AdamDirection {
  readonly first: tf.Tensor3D;
  readonly second: tf.Tensor3D;
  readonly a: tf.Tensor3D;
}

/**
 * `Ω = P − Pᵀ`, `first ← β₁ first + Ω`, `second ← β₂ second + Ω²`, `A = η first / (√second + ε)`; new tensors.
 *
 * @param product P; all `[blocks, n, n]`
 */
export function adamDirection(
  product: tf.Tensor3D,
  moments: { readonly first: tf.Tensor3D; readonly second: tf.Tensor3D },
  rates: AdamRates,
): AdamDirection {
  if (hasKernel("adamDirection")) {
    const inputs = { product, first: moments.first, second: moments.second };
    const [first, second, a] = runFused("adamDirection", inputs, { ...rates }) as tf.Tensor3D[];
    return { first, second, a } as AdamDirection;
  }
  return tf.tidy(() => {
    const omega = tf.sub<tf.Tensor3D>(product, tf.transpose(product, [0, 2, 1]));
    const first = tf.add<tf.Tensor3D>(tf.mul(moments.first, rates.beta1), omega);
    const second = tf.add<tf.Tensor3D>(tf.mul(moments.second, rates.beta2), tf.square(omega));
    const length = tf.add(tf.sqrt(second), rates.epsilon);
    const a = tf.mul<tf.Tensor3D>(tf.div(first, length), rates.eta);
    return { first, second, a };
  });
}

export interface Move {
  /** `[blocks, n, n]`, orthogonal again */
  readonly r: tf.Tensor3D;
  /** The power iteration's vector, for the next step. */
  readonly power: tf.Tensor3D;
}

/**
 * `R ← R f(−A)`, with each block of A scaled down where it is longer than {@link LONGEST_STEP}.
 *
 * @param r, a `[blocks, n, n]`
 * @param power `[blocks, n, 1]`
 */
export function move(r: tf.Tensor3D, a: tf.Tensor3D, power: tf.Tensor3D): Move {
  if (hasKernel("move")) {
    const [moved, vector] = runFused("move", { r, a, power }, {}) as tf.Tensor3D[];
    return { r: moved, power: vector } as Move;
  }
  return tf.tidy(() => {
    const { p0, p1, p2, q1 } = POLYNOMIAL;
    // Tidied by parts: for a large model a matrix of this size is as much as a tenth of a layer.
    const { rest, vector } = tf.tidy(() => {
      const squared = tf.matMul<tf.Tensor3D>(a, a);
      const { norm, vector } = largestSquare(squared, power);
      const scale = tf.minimum(1, tf.div(LONGEST_STEP, tf.sqrt(norm)));
      const step = tf.mul(a, tf.neg(scale));
      const b = tf.mul(squared, tf.square(scale));
      squared.dispose();
      // f − P0 I = P0 A + P1 B + Q1 (A + P2/Q1 B) B: the last term holds both A q's and p's second degree.
      const mixed = tf.tidy(() => tf.matMul(tf.add(step, tf.mul(b, p2 / q1)), b));
      const rest = tf.addN([tf.mul(step, p0), tf.mul(b, p1), tf.mul(mixed, q1)]);
      return { rest, vector };
    });
    const moved = tf.tidy(() => tf.add<tf.Tensor3D>(tf.mul(r, p0), tf.matMul(r, rest)));
    rest.dispose();
    return { r: newtonSchulz(moved), power: vector as tf.Tensor3D };
  });
}

/**
 * One Newton–Schulz iteration towards the nearest orthogonal matrix, in float32 on every device; singular values must
 * be below √3.
 *
 * @param x `[blocks, n, n]`
 */
export function orthonormalised(x: tf.Tensor3D): tf.Tensor3D {
  if (hasKernel("orthonormalise")) return runFused("orthonormalise", { x }, {})[0] as tf.Tensor3D;
  return newtonSchulz(x);
}

function newtonSchulz(x: tf.Tensor3D): tf.Tensor3D {
  return tf.tidy(() => {
    const gram = tf.matMul(x, x, true, false);
    return tf.sub(tf.mul(x, 1.5), tf.mul(tf.matMul(x, gram), 0.5));
  });
}

/** Estimates ‖A²‖ = ‖A‖² from below, `[blocks, 1, 1]`. */
function largestSquare(squared: tf.Tensor3D, start: tf.Tensor3D) {
  let vector: tf.Tensor = start;
  let norm = tf.norm(vector, 2, 1, true);
  for (let i = 0; i < POWER_ITERATIONS; i++) {
    // A step of zero (nothing to learn) leaves a vector of zero: the floor keeps it finite.
    vector = tf.matMul(squared, tf.div(vector, tf.maximum(norm, 1e-30)));
    norm = tf.norm(vector, 2, 1, true);
  }
  return { norm: tf.maximum(norm, 1e-30), vector };
}
