/**
 * The free symmetry of the feed-forward block: its neurons can stand in any order, rows of gate and up together
 * with columns of down, and the function is the same. For N:M the order decides which of down's columns share a
 * group, and nothing else: a better one costs nothing at inference and needs no other layer to know.
 */
import * as tf from "@tensorflow/tfjs-core";
import type { LayerMetric } from "./metric.ts";
import type { LayerMatrices } from "./types.ts";

/** The same layer with its neurons in `order`; the caller owns the three new matrices, q, k, v and o are shared. */
export function permuteNeurons(m: LayerMatrices, order: Int32Array): LayerMatrices {
  return tf.tidy(() => {
    const places = tf.tensor1d(order, "int32");
    return {
      ...m,
      gate: tf.gather(m.gate, places),
      up: tf.gather(m.up, places),
      down: tf.gather(m.down, places, 1),
    };
  });
}

/** The metric of the reordered layer: down's column weights move with its columns; the caller owns the new tensor. */
export function permuteMetric(metric: LayerMetric, order: Int32Array): LayerMetric {
  if (metric.method === "magnitude") return metric;
  const down = tf.tidy(() => tf.gather(metric.down, tf.tensor1d(order, "int32")));
  return { ...metric, down };
}
