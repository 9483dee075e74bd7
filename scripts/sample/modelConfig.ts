/** The sample's shape, as its `config.json` and `generation_config.json` say it. 1.02 million parameters. */
import { parseConfig, type ModelConfig } from "../../daemon/model/index.ts";

export const VOCAB_SIZE = 2048;
export const CONTEXT = 256;

/** Tied embeddings and two query heads per key/value head, so that both are exercised by every run. */
export const CONFIG_JSON = {
  architectures: ["LlamaForCausalLM"],
  attention_bias: false,
  attention_dropout: 0,
  bos_token_id: 0,
  eos_token_id: 1,
  head_dim: 16,
  hidden_act: "silu",
  hidden_size: 64,
  initializer_range: 0.02,
  intermediate_size: 512,
  max_position_embeddings: CONTEXT,
  mlp_bias: false,
  model_type: "llama",
  num_attention_heads: 4,
  num_hidden_layers: 8,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-5,
  rope_scaling: null,
  rope_theta: 10_000,
  tie_word_embeddings: true,
  torch_dtype: "bfloat16",
  use_cache: true,
  vocab_size: VOCAB_SIZE,
} as const;

export const GENERATION_CONFIG_JSON = {
  bos_token_id: 0,
  eos_token_id: 1,
  max_length: CONTEXT,
} as const;

export const MODEL_CONFIG: ModelConfig = parseConfig(CONFIG_JSON, "media/sample");
