/**
 * The supported architectures as data. A family is one row: its defaults where `config.json` is silent (the values of
 * the Hugging Face configuration classes), which projections carry a bias, which are stored in one tensor, whether
 * queries and keys are normed, and which layers attend through a sliding window. Everything else (RMSNorm before
 * attention and FFN, RoPE, grouped-query attention, SwiGLU) is common to them. SmolLM and TinyLlama are `llama`.
 */
import type { ModelType, Role } from "../vocabulary.ts";
import type { RawConfig } from "./config.ts";

/** Projections that read the same input, stored as one tensor, the rows of the roles one below the other. */
export interface FusedModule {
  /** Name of the module within its layer. */
  readonly module: string;
  readonly roles: readonly Role[];
}

export interface Architecture {
  /** Key/value heads if `num_key_value_heads` is absent. */
  readonly defaultKvHeads: (heads: number) => number;
  /** Head size if `head_dim` is absent; null for hidden size / heads. */
  readonly defaultHeadDim: number | null;
  readonly defaultMaxPositions: number;
  readonly defaultRopeTheta: number;
  readonly defaultNormEps: number;
  /** Projections with a bias vector. */
  readonly biases: (config: RawConfig) => readonly Role[];
  /** RMSNorm with gains `[head_dim]` on every head of q and k, before RoPE. A rotation of the stream passes it by. */
  readonly headNorms: boolean;
  readonly fused: readonly FusedModule[];
  /** Window of layer `i`: query t sees keys t−window+1 … t; `null` is full causal attention. */
  readonly slidingWindow: (config: RawConfig, layer: number) => number | null;
}

const ATTENTION: readonly Role[] = ["q", "k", "v", "o"];
const FFN: readonly Role[] = ["gate", "up", "down"];

/** Qwen's rule: nothing slides unless `use_sliding_window`, then by `layer_types` or from `max_window_layers` on. */
function qwenWindow(c: RawConfig, layer: number): number | null {
  if (!c.use_sliding_window) return null;
  // 4096 where the key is absent; an explicit null is full attention.
  const window = c.sliding_window === undefined ? 4096 : c.sliding_window;
  const slides = c.layer_types
    ? c.layer_types[layer] === "sliding_attention"
    : layer >= (c.max_window_layers ?? 28);
  return slides ? window : null;
}

const TABLE: Readonly<Record<ModelType, Architecture>> = {
  llama: {
    defaultKvHeads: (heads) => heads,
    defaultHeadDim: null,
    defaultMaxPositions: 2_048,
    defaultRopeTheta: 10_000,
    defaultNormEps: 1e-6,
    biases: (c) => [...(c.attention_bias ? ATTENTION : []), ...(c.mlp_bias ? FFN : [])],
    headNorms: false,
    fused: [],
    slidingWindow: () => null,
  },
  qwen2: {
    defaultKvHeads: () => 32,
    defaultHeadDim: null,
    defaultMaxPositions: 32_768,
    defaultRopeTheta: 10_000,
    defaultNormEps: 1e-6,
    biases: () => ["q", "k", "v"],
    headNorms: false,
    fused: [],
    slidingWindow: qwenWindow,
  },
  qwen3: {
    defaultKvHeads: () => 32,
    defaultHeadDim: 128,
    defaultMaxPositions: 32_768,
    defaultRopeTheta: 10_000,
    defaultNormEps: 1e-6,
    biases: (c) => (c.attention_bias ? ATTENTION : []),
    headNorms: true,
    fused: [],
    slidingWindow: qwenWindow,
  },
  mistral: {
    defaultKvHeads: () => 8,
    defaultHeadDim: null,
    defaultMaxPositions: 131_072,
    defaultRopeTheta: 10_000,
    defaultNormEps: 1e-6,
    biases: () => [],
    headNorms: false,
    fused: [],
    // Mistral's default is 4096 when the key is absent; an explicit null switches the window off.
    slidingWindow: (c) => (c.sliding_window === undefined ? 4096 : c.sliding_window),
  },
  phi3: {
    defaultKvHeads: (heads) => heads,
    defaultHeadDim: null,
    defaultMaxPositions: 4_096,
    defaultRopeTheta: 10_000,
    defaultNormEps: 1e-5,
    biases: () => [],
    headNorms: false,
    fused: [
      { module: "self_attn.qkv_proj", roles: ["q", "k", "v"] },
      { module: "mlp.gate_up_proj", roles: ["gate", "up"] },
    ],
    slidingWindow: (c) => c.sliding_window ?? null,
  },
};

/** By `model_type`, whatever a config says. */
export const ARCHITECTURES: ReadonlyMap<string, Architecture> = new Map(Object.entries(TABLE));
