/**
 * A dense layer with the gains of its norms folded into the columns that read them, so that the norms commute with
 * rotations: `input_layernorm` into q, k, v and `post_attention_layernorm` into gate and up (method.md §1).
 */
import * as tf from "@tensorflow/tfjs-core";
import { permuteNeurons } from "../method/index.ts";
import { readLayer, type DecoderLayer, type Model } from "../model/index.ts";

/** The caller disposes it with `disposeLayer`. */
export async function readFoldedLayer(model: Model, i: number): Promise<DecoderLayer> {
  const layer = await readLayer(model.checkpoint, model.config, i);
  const { matrices: m, inputNorm, postAttentionNorm } = layer;
  const folded = {
    q: tf.mul<tf.Tensor2D>(m.q, inputNorm),
    k: tf.mul<tf.Tensor2D>(m.k, inputNorm),
    v: tf.mul<tf.Tensor2D>(m.v, inputNorm),
    gate: tf.mul<tf.Tensor2D>(m.gate, postAttentionNorm),
    up: tf.mul<tf.Tensor2D>(m.up, postAttentionNorm),
  };
  tf.dispose([m.q, m.k, m.v, m.gate, m.up, inputNorm, postAttentionNorm]);
  const { d } = model.config.shape;
  return {
    ...layer,
    matrices: { ...m, ...folded },
    inputNorm: tf.ones([d]),
    postAttentionNorm: tf.ones([d]),
  };
}

/** The same layer with its FFN neurons in a new order; takes `layer` over. */
export function reorderedLayer(layer: DecoderLayer, neurons: Int32Array | null): DecoderLayer {
  if (!neurons) return layer;
  const { gate, up, down } = layer.matrices;
  const matrices = permuteNeurons(layer.matrices, neurons);
  tf.dispose([gate, up, down]);
  const biases = { ...layer.biases };
  for (const role of ["gate", "up"] as const) {
    const bias = biases[role];
    if (!bias) continue;
    biases[role] = tf.tidy(() => tf.gather(bias, tf.tensor1d(neurons, "int32")));
    bias.dispose();
  }
  return { ...layer, matrices, biases };
}
