/**
 * What pruning reads of a checkpoint's `config.json`, for hovers and completions: each key with the part it plays.
 * Loose: models have many more keys, and their meaning is their authors'.
 */
import { z } from "zod";
import { omit } from "../omit.ts";
import { MODEL_TYPES } from "../vocabulary.ts";

const size = z.int().min(1);
const key = (text: string) => ({ markdownDescription: text });

const configSchema = z
  .looseObject({
    model_type: z
      .string()
      .meta(
        key(
          `**Architecture.** ${MODEL_TYPES.map((name) => `\`${name}\``).join(", ")} can be pruned. Any other can be inspected.`,
        ),
      ),
    hidden_size: size.meta(
      key(
        "**Hidden size d.** Width of the residual stream, and size of the rotation R1 [d, d]. It is the input size of q, k, " +
          "v, gate and up: the M of a pattern N:M must divide it.",
      ),
    ),
    intermediate_size: size.meta(
      key(
        "**FFN size.** Input size of down: the M of a pattern N:M must divide it. Not rotated, because the activation " +
          "function stands before it.",
      ),
    ),
    num_hidden_layers: size.meta(
      key("**Decoder layers**, each with seven prunable matrices: q, k, v, o, gate, up, down."),
    ),
    num_attention_heads: size.meta(
      key(
        "**Query heads.** Heads × head size is the input size of o: the M of a pattern N:M must divide it.",
      ),
    ),
    num_key_value_heads: size
      .nullish()
      .meta(
        key(
          "**Key/value heads** (grouped-query attention). Each has its own rotation R2 [head size, head size] between v " +
            "and o.",
        ),
      ),
    head_dim: size
      .nullish()
      .meta(key("**Head size.** Default: hidden size / query heads. Must be even for RoPE.")),
    vocab_size: size.meta(
      key("**Rows of embedding and head.** These two are rotated, not pruned."),
    ),
    max_position_embeddings: size
      .optional()
      .meta(key("**Context length.** Calibration and evaluation windows are cut to it.")),
    rms_norm_eps: z
      .number()
      .optional()
      .meta(
        key(
          "**RMSNorm's ε.** The norms' gains are folded into the matrices behind them before rotating: without gain, " +
            "RMSNorm commutes with rotations.",
        ),
      ),
    tie_word_embeddings: z
      .boolean()
      .optional()
      .meta(
        key(
          "**Head and embedding are one tensor.** After rotation they differ (the head takes the final norm's gain), so the " +
            "output stores both and has `false` here.",
        ),
      ),
    attention_bias: z
      .boolean()
      .optional()
      .meta(key("**q, k, v and o have biases.** Those of v and o are rotated along.")),
    sliding_window: size
      .nullish()
      .meta(key("**Sliding window** of attention, in tokens; calibration runs with it.")),
    hidden_act: z
      .string()
      .optional()
      .meta(key("**Activation function.** Only `silu` (SwiGLU) can be pruned.")),
    quantization_config: z
      .unknown()
      .optional()
      .meta(
        key(
          "**Quantised weights.** These cannot be pruned: start from the unquantised checkpoint.",
        ),
      ),
    rotation_boundaries: z
      .array(size)
      .optional()
      .meta(
        key(
          "**Written by DenoiseRotator.** Layers that begin with a boundary matrix, because R1 changes there. Such a " +
            "checkpoint is an output already; start from the original.",
        ),
      ),
  })
  .meta({ title: "Model configuration" });

/** Without demands: what is wrong with a config is told by reading it as a run does. */
export function configJsonSchema(): object {
  return omit(z.toJSONSchema(configSchema, { target: "draft-7", io: "input" }), "required");
}
