/** Wanda (arXiv:2306.11695): the smallest |w_ij| √H_jj of every output row, or of every N:M group. */
import * as tf from "@tensorflow/tfjs-core";
import { rowSelection, selectLowest } from "../backend/index.ts";
import type { Pattern } from "../vocabulary.ts";
import { diagonalOf } from "./linalg/index.ts";
import { withZeros } from "./pruned.ts";

/**
 * @param w `[out, in]`; for N:M, M divides `in` (`assertPatternFits`)
 * @param h `[in, in]`, the Hessian of w's input
 * @returns `[out, in]`, owned by the caller; unstructured: exactly `floor(share · in)` deleted in every row
 */
export function pruneWanda(w: tf.Tensor2D, h: tf.Tensor2D, pattern: Pattern): tf.Tensor2D {
  return tf.tidy(() => {
    const scores = tf.mul<tf.Tensor2D>(tf.abs(w), tf.sqrt(diagonalOf(h)));
    return withZeros(w, selectLowest(scores, rowSelection(pattern, w.shape[1])));
  });
}
