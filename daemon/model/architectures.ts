/**
 * The supported architectures as data. A family is one row: its defaults where `config.json` is silent (the values of
 * the Hugging Face configuration classes), which projections carry a bias, and which layers attend through a sliding
 * window. Everything else (RMSNorm before attention and FFN, RoPE, grouped-query attention, SwiGLU) is common to them.
 */
import type { Role } from "../vocabulary.ts";
import type { RawConfig } from "./config.ts";

export interface Architecture {
  /** Key/value heads if `num_key_value_heads` is absent. */
  readonly defaultKvHeads: (heads: number) => number;
  readonly defaultMaxPositions: number;
  readonly defaultRopeTheta: number;
  readonly defaultNormEps: number;
  /** Projections with a bias vector. */
  readonly biases: (config: RawConfig) => readonly Role[];
  /** Window of layer `i`: query t sees keys t−window+1 … t; `null` is full causal attention. */
  readonly slidingWindow: (config: RawConfig, layer: number) => number | null;
}

const ATTENTION: readonly Role[] = ["q", "k", "v", "o"];
const FFN: readonly Role[] = ["gate", "up", "down"];

export const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  llama: {
    defaultKvHeads: (heads) => heads,
    defaultMaxPositions: 2_048,
    defaultRopeTheta: 10_000,
    defaultNormEps: 1e-6,
    biases: (c) => [...(c.attention_bias ? ATTENTION : []), ...(c.mlp_bias ? FFN : [])],
    slidingWindow: () => null,
  },
  qwen2: {
    defaultKvHeads: () => 32,
    defaultMaxPositions: 32_768,
    defaultRopeTheta: 10_000,
    defaultNormEps: 1e-6,
    biases: () => ["q", "k", "v"],
    slidingWindow: (c, layer) => {
      if (!c.use_sliding_window) return null;
      // 4096 where the key is absent; an explicit null is full attention.
      const window = c.sliding_window === undefined ? 4096 : c.sliding_window;
      const slides = c.layer_types
        ? c.layer_types[layer] === "sliding_attention"
        : layer >= (c.max_window_layers ?? 28);
      return slides ? window : null;
    },
  },
  mistral: {
    defaultKvHeads: () => 8,
    defaultMaxPositions: 131_072,
    defaultRopeTheta: 10_000,
    defaultNormEps: 1e-6,
    biases: () => [],
    // Mistral's default is 4096 when the key is absent; an explicit null switches the window off.
    slidingWindow: (c) => (c.sliding_window === undefined ? 4096 : c.sliding_window),
  },
};

export const SUPPORTED_MODEL_TYPES = Object.keys(ARCHITECTURES);
