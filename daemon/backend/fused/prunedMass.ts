/**
 * The share of each row's importance that a pattern would delete, and its gradient in closed form.
 *
 *     s_ij = w_ij² c_j
 *     S_i  = Σ_j s_ij
 *     f    = Σ_i f_i,  f_i = Σ_j m_ij s_ij / S_i
 *
 *     ∂f/∂s_ij = (m_ij − f_i) / S_i     the mask m is held constant
 *     ∂f/∂w    = 2 w c ∂f/∂s            ∂f/∂c_j = Σ_i w_ij² ∂f/∂s_ij
 *
 * At temperature 0 the mask is the pattern's own, m = 1 where pruned, which is piecewise constant. The gradient then
 * only sees what is pruned now, and a descent stays in the nearest of many local minima. At a temperature T > 0 an
 * entry near the border between pruned and kept counts in part:
 *
 *     m_ij = 1 / (1 + (s_ij / θ)^(1/T)) = sigmoid((ln θ − ln s_ij) / T)
 *     θ    = √(the highest pruned s · the lowest kept s), of the group (N:M) or of the row
 *
 * with 1e-30 added to every s under a logarithm. T → 0 gives the pattern's mask, except that where the two scores at
 * the border are equal all their equals stay at ½. Where the pattern prunes nothing or everything there is no border,
 * and the mask is the pattern's at every temperature.
 */
import * as tf from "@tensorflow/tfjs-core";
import type { Pattern } from "../../vocabulary.ts";
import {
  checkFactors,
  checkSelection,
  EMPTY_MASS,
  hasKernel,
  rowSelection,
  runFused,
  type ObjectiveValue,
  type Selection,
} from "./dispatch.ts";
import { selectLowest } from "./selectLowest.ts";

/** Below it the rounding of logarithms in float32, about 1e-6, would decide the mask. */
const COLDEST = 1e-6;

/**
 * @param w `[rows, cols]`
 * @param c `[cols]`, not negative
 * @param pattern per row: the lowest `of − keep` of every `of` consecutive columns (`of` divides `cols`), or the
 *   lowest `floor(share · cols)`; of equal importances the lower column goes first
 * @param temperature T, dimensionless: 0, or at least 1e-6
 */
export function prunedMassObjective(
  w: tf.Tensor2D,
  c: tf.Tensor1D,
  pattern: Pattern,
  temperature = 0,
): ObjectiveValue {
  const select = rowSelection(pattern, w.shape[1]);
  checkFactors(w, c);
  checkSelection(select, w.shape[1]);
  tf.util.assert(
    temperature === 0 || (temperature >= COLDEST && temperature < Infinity),
    () => `A temperature is 0 or at least ${COLDEST}, not ${temperature}`,
  );
  const softness = hasBorder(select, w.shape[1]) ? temperature : 0;
  if (hasKernel("prunedMass")) {
    const attributes = { ...select, temperature: softness };
    const [loss, gradW, gradC] = runFused("prunedMass", { w, c }, attributes);
    return { loss: loss as tf.Scalar, gradW: gradW as tf.Tensor2D, gradC: gradC as tf.Tensor1D };
  }
  return tf.tidy(() => composed(w, c, select, softness));
}

function hasBorder(select: Selection, cols: number): boolean {
  return select.kind === "nm"
    ? select.keep > 0 && select.keep < select.of
    : select.count > 0 && select.count < cols;
}

function composed(
  w: tf.Tensor2D,
  c: tf.Tensor1D,
  select: Selection,
  temperature: number,
): ObjectiveValue {
  const w2 = tf.square(w);
  const s = tf.mul<tf.Tensor2D>(w2, c);
  const sum = tf.sum(s, 1, true);
  const scale = tf.where(
    tf.greater(sum, EMPTY_MASS),
    tf.reciprocal(tf.maximum(sum, EMPTY_MASS)),
    tf.zerosLike(sum),
  );
  const pruned = selectLowest(s, select);
  const mask =
    temperature === 0 ? tf.cast(pruned, "float32") : softMask(s, pruned, select, temperature);
  const share = tf.mul(tf.sum(tf.mul(s, mask), 1, true), scale);
  const gradS = tf.mul(tf.sub(mask, share), scale);
  return {
    loss: tf.sum(share),
    gradW: tf.mul(tf.mul(w, tf.mul(c, 2)), gradS),
    gradC: tf.sum(tf.mul(w2, gradS), 0),
  };
}

function softMask(
  s: tf.Tensor2D,
  pruned: tf.Tensor2D,
  select: Selection,
  temperature: number,
): tf.Tensor2D {
  const [rows, cols] = s.shape;
  const width = select.kind === "nm" ? select.of : cols;
  const groups = tf.reshape(s, [rows, cols / width, width]);
  const goes = tf.reshape(pruned, groups.shape);
  const highestPruned = tf.max(tf.where(goes, groups, 0), 2, true);
  const lowestKept = tf.min(tf.where(goes, Infinity, groups), 2, true);
  const log = (x: tf.Tensor): tf.Tensor => tf.log(tf.add(x, EMPTY_MASS));
  const threshold = tf.mul(tf.add(log(highestPruned), log(lowestKept)), 0.5);
  const mask = tf.sigmoid(tf.div(tf.sub(threshold, log(groups)), temperature));
  return tf.reshape(mask, [rows, cols]);
}
