/**
 * Moving on the orthogonal group with matrix products only (no factorisation), for a stack of matrices
 * `[blocks, n, n]`.
 *
 * A step along a skew-symmetric A needs an orthogonal f(A). The Cayley transform takes a solve; here f is a
 * polynomial that is orthogonal up to rounding where it matters, cleaned by one Newton–Schulz iteration:
 *
 *     f(A) = p(A²) + A q(A²)     p quadratic, q linear: two products, A² and the one below
 *
 * For an eigenvalue iθ of A, x = θ²: `|f|² = p(−x)² + x q(−x)²`, of degree 4 in x. Its coefficients are chosen so
 * that `|f|² − 1 = ε T₄(2x/4 − 1)` (Chebyshev), hence |f|² = 1 ± 1.55e-3 for all θ ≤ 2, and q(0) = p(0), so the
 * angle is θ to first order (within 2.5 % up to θ = 1, 9 % up to 2). Newton–Schulz, `X (3 I − XᵀX) / 2`, turns an
 * error e of XᵀX into ¾ e²: 2e-6, below float32 rounding of the products.
 */
import * as tf from "@tensorflow/tfjs-core";
import { seededRandom } from "../random.ts";

/** p(B) = P0 + P1 B + P2 B² and q(B) = P0 + Q1 B for B = A² (which is −x on the eigenvalue above). */
const P0 = 1.00077329692886;
const P1 = 0.506570633791011;
const P2 = 0.027813592413247774;
const Q1 = 0.14829137159701966;

/**
 * Longest step, as the spectral norm of A: a step is scaled down to it. Below 2 because the norm is estimated from
 * below; Newton–Schulz still recovers from an underestimate by a third. Adam's first steps are sign matrices,
 * which can be far longer than their entries suggest; later ones are near 2·η·√n.
 */
const LONGEST_STEP = 1.8;

/** Power iterations per step; the vector is kept from step to step, so more would say little more. */
const POWER_ITERATIONS = 2;

/** `Ω = RᵀG − GᵀR`: the direction of steepest ascent in the Lie algebra, for a Euclidean gradient G. */
export function skewGradient(r: tf.Tensor3D, gradient: tf.Tensor3D): tf.Tensor3D {
  return tf.tidy(() => {
    const product = tf.matMul(r, gradient, true, false);
    return tf.sub(product, tf.transpose(product, [0, 2, 1]));
  });
}

/** A start for the power iteration, `[blocks, n, 1]`; the same on every machine. */
export function powerStart(blocks: number, n: number): tf.Tensor3D {
  const random = seededRandom(0);
  return tf.tensor3d(
    Float32Array.from({ length: blocks * n }, () => random.normal()),
    [blocks, n, 1],
  );
}

export interface Move {
  /** `[blocks, n, n]`, orthogonal again */
  readonly r: tf.Tensor3D;
  /** The power iteration's vector, for the next step. */
  readonly power: tf.Tensor3D;
}

/** `R ← R f(−A)`, with each block of A scaled down where it is longer than {@link LONGEST_STEP}. */
export function move(r: tf.Tensor3D, a: tf.Tensor3D, power: tf.Tensor3D): Move {
  return tf.tidy(() => {
    const squared = tf.matMul<tf.Tensor3D>(a, a);
    const { norm, vector } = largestSquare(squared, power);
    const scale = tf.minimum(1, tf.div(LONGEST_STEP, tf.sqrt(norm)));
    const step = tf.mul(a, tf.neg(scale));
    const b = tf.mul(squared, tf.square(scale));
    // f − P0 I = P0 A + P1 B + Q1 (A + P2/Q1 B) B: the last term holds both A q's and p's second degree.
    const mixed = tf.matMul(tf.add(step, tf.mul(b, P2 / Q1)), b);
    const rest = tf.addN([tf.mul(step, P0), tf.mul(b, P1), tf.mul(mixed, Q1)]);
    const moved = tf.add<tf.Tensor3D>(tf.mul(r, P0), tf.matMul(r, rest));
    return { r: orthonormalised(moved), power: vector as tf.Tensor3D };
  });
}

/** One Newton–Schulz iteration towards the nearest orthogonal matrix; singular values must be below √3. */
export function orthonormalised(x: tf.Tensor3D): tf.Tensor3D {
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
