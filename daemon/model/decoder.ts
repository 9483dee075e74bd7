/**
 * One decoder layer, told in order, the same for all families: norm → attention → add → norm → SwiGLU → add.
 * Weights are `[out, in]`, activations `[B, T, d]`, inside a layer flattened to `[B · T, d]`.
 */
import * as tf from "@tensorflow/tfjs-core";
import { applyRope, causalAttention, rmsNorm, swiglu, type RopeTable } from "../backend/index.ts";
import type { InputKind, Role } from "../vocabulary.ts";
import type { ModelConfig } from "./config.ts";
import { ropeTable } from "./rope.ts";

export interface DecoderLayer {
  readonly matrices: Readonly<Record<Role, tf.Tensor2D>>;
  readonly biases: Readonly<Partial<Record<Role, tf.Tensor1D>>>;
  /** RMSNorm gains, `[d]`. */
  readonly inputNorm: tf.Tensor1D;
  readonly postAttentionNorm: tf.Tensor1D;
  /** Gains `[hd]` of the RMSNorm on every head of q and of k; null in families without. */
  readonly headNorms: { readonly q: tf.Tensor1D; readonly k: tf.Tensor1D } | null;
  /** Boundary matrix `M [d, d]` of a per-layer rotated checkpoint; the stream enters as `x Mᵀ`. */
  readonly entry: tf.Tensor2D | null;
}

export interface InputObserver {
  /** Sees the input `[B · T, in]` of q/k/v, o, gate/up and down as the layer runs; must not dispose it. */
  readonly see: (kind: InputKind, input: tf.Tensor2D) => void;
  /** Nothing behind this input is computed; the layer's result is then without meaning. */
  readonly stopAfter?: InputKind | undefined;
  /** The input of o, where it is known already: nothing before it is computed or seen. Stays the caller's. */
  readonly attended?: tf.Tensor2D | undefined;
}

/** What every layer of a model shares for one sequence length. */
export interface SequenceContext {
  readonly config: ModelConfig;
  readonly seqLen: number;
  readonly rope: RopeTable;
}

export function sequenceContext(config: ModelConfig, seqLen: number): SequenceContext {
  return { config, seqLen, rope: ropeTable(config.rope, config.shape.headDim, seqLen) };
}

export function disposeContext(context: SequenceContext): void {
  tf.dispose([context.rope.cos, context.rope.sin]);
}

/**
 * @param x `[B, T, d]`, the residual stream
 * @param index the layer's number, which decides its sliding window
 * @returns `[B, T, d]`
 */
export function decoderLayer(
  x: tf.Tensor3D,
  layer: DecoderLayer,
  index: number,
  context: SequenceContext,
  observer?: InputObserver,
): tf.Tensor3D {
  const seen = (kind: InputKind, input: tf.Tensor2D): boolean => {
    observer?.see(kind, input);
    return observer?.stopAfter === kind;
  };
  return tf.tidy(() => {
    const { config } = context;
    const [B, T, d] = x.shape;
    const { heads, kvHeads, headDim } = config.shape;
    const linear = (role: Role, input: tf.Tensor2D): tf.Tensor2D => {
      const y = tf.matMul<tf.Tensor2D>(input, layer.matrices[role], false, true);
      const bias = layer.biases[role];
      return bias ? tf.add<tf.Tensor2D>(y, bias) : y;
    };

    let stream: tf.Tensor2D = tf.reshape(x, [B * T, d]);
    if (layer.entry) stream = tf.matMul<tf.Tensor2D>(stream, layer.entry, false, true);

    // Tidied by half layers: what a half needs for itself is freed before the next begins.
    const attend = (attentionInput: tf.Tensor2D): tf.Tensor2D =>
      tf.tidy(() => {
        const perHead = (role: Role, n: number): tf.Tensor4D =>
          tf.reshape(linear(role, attentionInput), [B, T, n, headDim]);
        const turned = (role: "q" | "k", n: number): tf.Tensor4D =>
          tf.tidy(() => {
            const x = perHead(role, n);
            const { headNorms } = layer;
            const normed = headNorms ? rmsNorm(x, headNorms[role], config.normEps) : x;
            return applyRope(normed, context.rope);
          });
        const q = turned("q", heads);
        const k = turned("k", kvHeads);
        return causalAttention(q, k, perHead("v", kvHeads), config.slidingWindows[index] ?? null);
      });
    let attended = observer?.attended;
    if (!attended) {
      const attentionInput = rmsNorm(stream, layer.inputNorm, config.normEps);
      if (seen("qkv", attentionInput)) return x.clone();
      attended = attend(attentionInput);
      attentionInput.dispose();
    }
    if (seen("o", attended)) return x.clone();
    const [entered, mixed] = [stream, attended];
    stream = tf.tidy(() => tf.add<tf.Tensor2D>(entered, linear("o", mixed)));
    entered.dispose();

    const ffnInput = rmsNorm(stream, layer.postAttentionNorm, config.normEps);
    if (seen("mlp", ffnInput)) return x.clone();
    const hidden = tf.tidy(() => swiglu(linear("gate", ffnInput), linear("up", ffnInput)));
    if (seen("down", hidden)) return x.clone();
    stream = tf.add<tf.Tensor2D>(stream, linear("down", hidden));
    return tf.reshape(stream, [B, T, d]);
  });
}
