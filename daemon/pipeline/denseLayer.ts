/**
 * A dense layer with the gains of its norms folded into the columns that read them, so that the norms commute with
 * rotations: `input_layernorm` into q, k, v and `post_attention_layernorm` into gate and up (method.md §1).
 */
import * as tf from "@tensorflow/tfjs-core";
import type { Checkpoint } from "../checkpoint/index.ts";
import { permuteNeurons } from "../method/index.ts";
import {
  clonedLayer,
  disposeLayer,
  readLayer,
  type DecoderLayer,
  type Model,
} from "../model/index.ts";
import { LayerAhead } from "./layerAhead.ts";

/**
 * The layers of a run, dense and folded. The one read last can be kept on the device, for the stages that look at the
 * same layer one after the other: reading and converting a large layer takes about as long as some of them.
 */
export class FoldedLayers {
  #kept: { readonly index: number; readonly layer: DecoderLayer } | null = null;
  readonly #ahead: LayerAhead;

  constructor(private readonly model: Model) {
    this.#ahead = new LayerAhead(model);
  }

  /** Layer `i`, kept for the next who asks; the caller disposes his with `disposeLayer`. */
  async borrow(i: number): Promise<DecoderLayer> {
    const layer = await this.take(i);
    this.#kept = { index: i, layer };
    return clonedLayer(layer);
  }

  /** Layer `i`, the caller's alone. */
  async take(i: number): Promise<DecoderLayer> {
    const kept = this.#kept;
    this.#kept = null;
    if (kept?.index === i) return kept.layer;
    if (kept) disposeLayer(kept.layer);
    const layer = await readFoldedLayer(this.model, i, this.#ahead.checkpointFor(i));
    this.#ahead.begin(i + 1);
    return layer;
  }

  async dispose(): Promise<void> {
    if (this.#kept) disposeLayer(this.#kept.layer);
    this.#kept = null;
    await this.#ahead.dispose();
  }
}

async function readFoldedLayer(
  { config }: Model,
  i: number,
  checkpoint: Checkpoint,
): Promise<DecoderLayer> {
  const layer = await readLayer(checkpoint, config, i);
  const { matrices: m, inputNorm, postAttentionNorm } = layer;
  // One after the other, so that only one matrix is there twice.
  const fold = (w: tf.Tensor2D, gain: tf.Tensor1D): tf.Tensor2D => {
    const scaled = tf.mul<tf.Tensor2D>(w, gain);
    w.dispose();
    return scaled;
  };
  const folded = {
    q: fold(m.q, inputNorm),
    k: fold(m.k, inputNorm),
    v: fold(m.v, inputNorm),
    gate: fold(m.gate, postAttentionNorm),
    up: fold(m.up, postAttentionNorm),
  };
  tf.dispose([inputNorm, postAttentionNorm]);
  const { d } = config.shape;
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
