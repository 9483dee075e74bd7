/**
 * The free symmetry of the feed-forward block: its neurons can stand in any order, rows of gate and up together
 * with columns of down, and the function is the same. For N:M the order decides which of down's columns share a
 * group, and nothing else: a better one costs nothing at inference and needs no other layer to know.
 */
import * as tf from "@tensorflow/tfjs-core";
import { importance } from "./columnWeights.ts";
import { cancelledBefore } from "./errors.ts";
import { nextTurn } from "./nextTurn.ts";
import { regroupedColumns } from "./regroup.ts";
import type { LayerMatrices } from "./types.ts";

/** Rows looked at, at most: evenly spread ones stand for all. */
const ROWS = 1024;

/**
 * The order in which an N:M pattern deletes least of down's importance: at place j stands neuron `order[j]`.
 *
 * @param down `[d, ffn]`, rotated
 * @param c `[ffn]`, the column weights of down's input (`columnWeights`)
 * @throws method/cancelled by `signal`
 */
export async function neuronOrder(
  down: tf.Tensor2D,
  c: tf.Tensor1D,
  pattern: { readonly keep: number; readonly of: number },
  signal?: AbortSignal,
): Promise<Int32Array> {
  const [d, ffn] = down.shape;
  const rows = Math.min(d, ROWS);
  const places = Int32Array.from({ length: rows }, (_, i) => Math.floor((i * d) / rows));
  const byColumn = tf.tidy(() => {
    const s = importance(tf.gather(down, tf.tensor1d(places)), c);
    return tf.transpose(tf.div(s, tf.maximum(tf.sum(s, 1, true), 1e-30)));
  });
  const shares = Float32Array.from(await byColumn.data());
  byColumn.dispose();
  return regroupedColumns({ shares, rows, columns: ffn }, pattern, async () => {
    await nextTurn();
    if (signal?.aborted) throw cancelledBefore("the order of neurons was found");
  });
}

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
