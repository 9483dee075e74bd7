/**
 * Masks with an exact count per row: which weights a pattern deletes, given their scores.
 *
 * Ties must not change the count (weights that are exactly zero are common), so the choice is defined fully: by
 * score, then by column. No backend's `topk` promises that order; the composed version does not rely on it.
 */
import * as tf from "@tensorflow/tfjs-core";
import { checkSelection, hasKernel, runFused, type Selection } from "./dispatch.ts";

/**
 * @param scores `[rows, cols]`, finite and not negative; for `nm`, `of` divides `cols`
 * @returns bool `[rows, cols]`, true = among the lowest
 */
export function selectLowest(scores: tf.Tensor2D, select: Selection): tf.Tensor2D {
  checkSelection(select, scores.shape[1]);
  if (hasKernel("selectLowest")) {
    return runFused("selectLowest", { scores }, { ...select })[0] as tf.Tensor2D;
  }
  return tf.tidy(() => {
    switch (select.kind) {
      case "nm":
        return lowestOfGroups(scores, select.of - select.keep, select.of);
      case "count":
        return lowestOfRows(scores, select.count);
      default:
        return select satisfies never;
    }
  });
}

/** Rank in the group = how many are lower, plus how many equal ones stand before. */
function lowestOfGroups(scores: tf.Tensor2D, count: number, of: number): tf.Tensor2D {
  const [rows, cols] = scores.shape;
  const self = tf.reshape(scores, [rows, cols / of, of, 1]);
  const other = tf.reshape(scores, [rows, cols / of, 1, of]);
  const earlier = tf.greater(
    tf.reshape(tf.range(0, of), [of, 1]),
    tf.reshape(tf.range(0, of), [1, of]),
  );
  const before = tf.logicalOr(tf.less(other, self), tf.logicalAnd(tf.equal(other, self), earlier));
  const rank = tf.sum(tf.cast(before, "float32"), 3);
  return tf.reshape(tf.less(rank, count), [rows, cols]);
}

/** Everything below the count-th lowest score, then equal ones from the left until the count is full. */
function lowestOfRows(scores: tf.Tensor2D, count: number): tf.Tensor2D {
  const [rows, cols] = scores.shape;
  if (count <= 0) return tf.zeros([rows, cols], "bool");
  if (count >= cols) return tf.ones([rows, cols], "bool");
  const lowest = tf.topk(tf.neg(scores), count).values;
  const threshold = tf.neg(tf.min(lowest, 1, true));
  const below = tf.less(scores, threshold);
  const equal = tf.equal(scores, threshold);
  const room = tf.sub(count, tf.sum(tf.cast(below, "float32"), 1, true));
  const place = tf.cumsum(tf.cast(equal, "float32"), 1);
  return tf.logicalOr(below, tf.logicalAnd(equal, tf.lessEqual(place, room)));
}
