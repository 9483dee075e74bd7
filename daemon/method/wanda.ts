/** Wanda (arXiv:2306.11695): the smallest |w_ij| √H_jj of every output row, or of every N:M group. */
import * as tf from "@tensorflow/tfjs-core";
import { selectLowest } from "../backend/index.ts";
import { prunedCount, type Pattern } from "../vocabulary.ts";
import { diagonalOf } from "./linalg/index.ts";

import { withZeros, type PrunedMatrix } from "./pruned.ts";

/**
 * @param w `[out, in]`; for N:M, M divides `in` (`assertPatternFits`)
 * @param h `[in, in]`, the Hessian of w's input
 * @returns unstructured: exactly `floor(share · in)` deleted in every row
 */
export function pruneWanda(w: tf.Tensor2D, h: tf.Tensor2D, pattern: Pattern): PrunedMatrix {
  const [rows, columns] = w.shape;
  const perRow =
    pattern.kind === "nm"
      ? (columns / pattern.of) * (pattern.of - pattern.keep)
      : prunedCount(pattern.share, columns);
  const weights = tf.tidy(() => {
    const scores = tf.mul<tf.Tensor2D>(tf.abs(w), tf.sqrt(diagonalOf(h)));
    return withZeros(
      w,
      selectLowest(scores, pattern.kind === "nm" ? pattern : { kind: "count", count: perRow }),
    );
  });
  return { weights, pruned: rows * perRow };
}
