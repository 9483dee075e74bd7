/**
 * The pruned mass with a soft choice. The hard objective only sees what its current mask deletes and settles in the
 * nearest of many local minima; softened, an entry near the threshold counts in part:
 *
 *     m_ij = 1 / (1 + (s_ij / θ)^(1/T))       θ² = the largest pruned · the smallest kept s of the group or row
 *     f    = Σ_i Σ_j m_ij s_ij / S_i           S_i = Σ_j s_ij;  m held constant in the gradient
 *
 * T → 0 is the pattern's own mask. Annealing T from about 2 down to 0.1 replaces the entropy phase: at a high T the
 * objective ranks importances as the entropy does, at a low one it is the pruned mass.
 */
import * as tf from "@tensorflow/tfjs-core";
import { prunedMassObjective, selectLowest, type ObjectiveValue } from "../backend/index.ts";
import type { Pattern } from "../vocabulary.ts";
import { prunedCount } from "./masks.ts";

/** Below every importance that matters; keeps logarithms of 0 finite. */
const TINY = 1e-30;

/** More than any two logarithms of float32 numbers above {@link TINY} differ. */
const SHIFT = 200;

/**
 * @param w `[rows, cols]`
 * @param c `[cols]`, not negative
 * @param temperature T; 0 is `prunedMassObjective`
 */
export function softPrunedMass(
  w: tf.Tensor2D,
  c: tf.Tensor1D,
  pattern: Pattern,
  temperature: number,
): ObjectiveValue {
  if (temperature === 0) return prunedMassObjective(w, c, pattern);
  return tf.tidy(() => {
    const w2 = tf.square(w);
    const s = tf.mul<tf.Tensor2D>(w2, c);
    const mask = softMask(s, pattern, temperature);
    const scale = tf.reciprocal(tf.maximum(tf.sum(s, 1, true), TINY));
    const share = tf.mul(tf.sum(tf.mul(s, mask), 1, true), scale);
    const gradS = tf.mul(tf.sub(mask, share), scale);
    return {
      loss: tf.sum(share),
      gradW: tf.mul(tf.mul(w, tf.mul(c, 2)), gradS),
      gradC: tf.sum(tf.mul(w2, gradS), 0),
    };
  });
}

/** `[rows, cols]`, from 1 far below the threshold to 0 far above it. */
function softMask(s: tf.Tensor2D, pattern: Pattern, temperature: number): tf.Tensor2D {
  const [rows, cols] = s.shape;
  const size = pattern.kind === "nm" ? pattern.of : cols;
  const select =
    pattern.kind === "nm"
      ? pattern
      : ({ kind: "count", count: prunedCount(pattern.share, cols) } as const);
  const groups: [number, number, number] = [rows, cols / size, size];
  const log = tf.log(tf.maximum(s, TINY));
  // One shifted copy serves both: the pruned lie SHIFT higher, above every kept entry.
  const shifted = tf.reshape(
    tf.add(log, tf.mul(tf.cast(selectLowest(s, select), "float32"), SHIFT)),
    groups,
  );
  const largestPruned = tf.sub(tf.max(shifted, 2, true), SHIFT);
  const smallestKept = tf.min(shifted, 2, true);
  const threshold = tf.mul(tf.add(largestPruned, smallestKept), 0.5);
  const above = tf.sub(tf.reshape(log, groups), threshold);
  return tf.reshape(tf.sigmoid(tf.div(above, -temperature)), [rows, cols]);
}
