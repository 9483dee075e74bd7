/**
 * `config.json` → {@link ModelConfig}: validated once here, typed from then on. Reads the layouts of transformers 4
 * (`rope_theta`, `rope_scaling`, `torch_dtype`) and 5 (`rope_parameters`, `dtype`, `layer_types`).
 */
import { z } from "zod";
import { MODEL_TYPES, type LayerShape, type Role } from "../vocabulary.ts";
import { ARCHITECTURES, type FusedModule } from "./architectures.ts";
import { badConfig, unsupportedArchitecture, unsupportedFeature } from "./errors.ts";
import { refusalReason } from "./refused.ts";
import { ropeSchema, type RopeConfig } from "./rope.ts";

const positive = z.number().int().positive();

/** Far above any model; every layer has its row in what is made of a config. */
const MAX_LAYERS = 10_000;

const ropeParameters = z.looseObject({
  rope_theta: z.number().positive().nullish(),
  /** Share of each head's dimensions that RoPE turns. */
  partial_rotary_factor: z.number().nullish(),
});

const rawSchema = z.looseObject({
  model_type: z.string(),
  hidden_size: positive,
  intermediate_size: positive,
  num_hidden_layers: positive.max(MAX_LAYERS),
  num_attention_heads: positive,
  num_key_value_heads: positive.nullish(),
  head_dim: positive.nullish(),
  vocab_size: positive,
  max_position_embeddings: positive.optional(),
  rms_norm_eps: z.number().positive().optional(),
  hidden_act: z.string().default("silu"),
  rope_theta: z.number().positive().nullish(),
  rope_scaling: ropeParameters.nullish(),
  rope_parameters: ropeParameters.nullish(),
  /** Transformers 5 keeps it in `rope_parameters`. */
  partial_rotary_factor: z.number().nullish(),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  use_sliding_window: z.boolean().default(false),
  sliding_window: positive.nullish(),
  max_window_layers: z.number().int().nonnegative().nullish(),
  layer_types: z.array(z.string()).nullish(),
  quantization_config: z.unknown().optional(),
  /** The same of older compressed-tensors. */
  compression_config: z.unknown().optional(),
  /** Ours: layers that begin with a boundary rotation (see docs/format.md). */
  rotation_boundaries: z.array(positive).optional(),
});
export type RawConfig = z.infer<typeof rawSchema>;

/** Our own class for checkpoints with boundary matrices wraps one of the plain families. */
export const ROTATED_MODEL_TYPE = "denoise_rotator";

export interface ModelConfig {
  /** Family, a key of ARCHITECTURES. */
  readonly modelType: string;
  readonly shape: LayerShape;
  readonly layers: number;
  readonly vocabSize: number;
  readonly maxPositions: number;
  readonly normEps: number;
  readonly rope: RopeConfig;
  readonly tied: boolean;
  /** Projections with a bias. */
  readonly biases: readonly Role[];
  /** RMSNorm on every head of q and k, before RoPE. */
  readonly headNorms: boolean;
  /** Projections that are stored in one tensor. */
  readonly fused: readonly FusedModule[];
  /** Sliding window per layer; `null` is full attention. */
  readonly slidingWindows: readonly (number | null)[];
  /** Layers i ≥ 1 that begin with `stream ← stream · Mᵀ`, M in `model.layers.i.input_rotation.weight`. */
  readonly boundaries: readonly number[];
  /** The file as parsed, to be carried into the output with few changes. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/**
 * @param json parsed `config.json`
 * @param root folder, for messages
 * @throws model/bad-config, model/unsupported-architecture, model/unsupported-feature
 */
export function parseConfig(json: unknown, root: string): ModelConfig {
  const typed = z.looseObject({ model_type: z.string() }).safeParse(json);
  if (!typed.success) throw badConfig(root, "model_type is missing");
  const modelType = familyOf(typed.data);
  const architecture = ARCHITECTURES.get(modelType);
  if (!architecture) {
    const reason = refusalReason(modelType, typed.data);
    throw unsupportedArchitecture(modelType, MODEL_TYPES, reason);
  }

  const parsed = rawSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw badConfig(root, `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "is invalid"}`);
  }
  const c = parsed.data;
  for (const key of ["quantization_config", "compression_config"] as const) {
    if (c[key]) {
      throw unsupportedFeature(root, modelType, key, "start from the unquantized checkpoint");
    }
  }
  if (c.hidden_act !== "silu") {
    throw unsupportedFeature(
      root,
      modelType,
      `hidden_act "${c.hidden_act}"`,
      "only SwiGLU (silu) is supported",
    );
  }

  // Where both layouts are there, one was added by hand: transformers of either takes `rope_scaling`, unless empty.
  const scaled = Object.keys(c.rope_scaling ?? {}).length > 0;
  const rope = (scaled ? c.rope_scaling : c.rope_parameters) ?? {};
  const rotary = rope.partial_rotary_factor ?? c.partial_rotary_factor ?? 1;
  if (rotary !== 1) {
    throw unsupportedFeature(
      root,
      modelType,
      `partial_rotary_factor ${rotary}`,
      "RoPE is supported where it turns all dimensions of a head",
    );
  }

  const heads = c.num_attention_heads;
  // As transformers reads it: an absent key takes the family's default, an explicit null means no grouping.
  const kvHeads =
    c.num_key_value_heads === undefined
      ? architecture.defaultKvHeads(heads)
      : (c.num_key_value_heads ?? heads);
  if (heads % kvHeads !== 0) {
    throw badConfig(
      root,
      `num_key_value_heads ${kvHeads} does not divide num_attention_heads ${heads}`,
    );
  }
  const givenHeadDim = c.head_dim === undefined ? architecture.defaultHeadDim : c.head_dim;
  if (givenHeadDim === null && c.hidden_size % heads !== 0) {
    throw badConfig(
      root,
      `num_attention_heads ${heads} does not divide hidden_size ${c.hidden_size}`,
    );
  }
  const headDim = givenHeadDim ?? c.hidden_size / heads;
  if (headDim % 2 !== 0) throw badConfig(root, `head_dim ${headDim} is odd, RoPE needs pairs`);

  const shape = { d: c.hidden_size, heads, kvHeads, headDim, ffn: c.intermediate_size };
  const layers = c.num_hidden_layers;
  const maxPositions = c.max_position_embeddings ?? architecture.defaultMaxPositions;
  return {
    modelType,
    shape,
    layers,
    vocabSize: c.vocab_size,
    maxPositions,
    normEps: c.rms_norm_eps ?? architecture.defaultNormEps,
    rope: ropeSchema(modelType, root, {
      theta: rope.rope_theta ?? c.rope_theta ?? architecture.defaultRopeTheta,
      scaling: rope,
      maxPositions,
    }),
    tied: c.tie_word_embeddings,
    biases: architecture.biases(c),
    headNorms: architecture.headNorms,
    fused: architecture.fused,
    slidingWindows: Array.from({ length: layers }, (_, i) => architecture.slidingWindow(c, i)),
    boundaries: (c.rotation_boundaries ?? []).filter((i) => i < layers),
    raw: typed.data,
  };
}

function familyOf(config: { model_type: string; [key: string]: unknown }): string {
  if (config.model_type !== ROTATED_MODEL_TYPE) return config.model_type;
  return typeof config.base_model_type === "string" ? config.base_model_type : "(none)";
}
