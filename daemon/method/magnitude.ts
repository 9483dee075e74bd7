/** Magnitude pruning: the smallest |w| of the whole matrix, or of every N:M group. */
import * as tf from "@tensorflow/tfjs-core";
import { selectLowest } from "../backend/index.ts";
import { prunedCount, type Pattern } from "../vocabulary.ts";
import { withZeros } from "./pruned.ts";

/**
 * @param w `[out, in]`; for N:M, M divides `in` (`assertPatternFits`)
 * @returns `[out, in]`, owned by the caller; unstructured: exactly `floor(share · out · in)` deleted
 */
export function pruneMagnitude(w: tf.Tensor2D, pattern: Pattern): tf.Tensor2D {
  return tf.tidy(() => {
    const scores = tf.abs(w);
    if (pattern.kind === "nm") return withZeros(w, selectLowest(scores, pattern));
    const all = tf.reshape<tf.Rank.R2>(scores, [1, w.size]);
    const mask = selectLowest(all, { kind: "count", count: prunedCount(pattern.share, w.size) });
    return withZeros(w, tf.reshape(mask, w.shape));
  });
}
