/** Configurations as they are published: what each family's row of the table makes of them. */
import { describe, expect, test } from "vitest";
import { parseConfig } from "../../daemon/model/index.ts";

const SMOLLM = {
  model_type: "llama",
  hidden_act: "silu",
  hidden_size: 576,
  intermediate_size: 1536,
  max_position_embeddings: 2048,
  num_attention_heads: 9,
  num_hidden_layers: 30,
  num_key_value_heads: 3,
  rms_norm_eps: 1e-5,
  rope_scaling: null,
  rope_theta: 10000,
  tie_word_embeddings: true,
  vocab_size: 49152,
};

const TINYLLAMA = {
  model_type: "llama",
  hidden_act: "silu",
  hidden_size: 2048,
  intermediate_size: 5632,
  max_position_embeddings: 2048,
  num_attention_heads: 32,
  num_hidden_layers: 22,
  num_key_value_heads: 4,
  rms_norm_eps: 1e-5,
  rope_scaling: null,
  tie_word_embeddings: false,
  vocab_size: 32000,
};

const QWEN3 = {
  model_type: "qwen3",
  attention_bias: false,
  head_dim: 128,
  hidden_act: "silu",
  hidden_size: 1024,
  intermediate_size: 3072,
  max_position_embeddings: 40960,
  max_window_layers: 28,
  num_attention_heads: 16,
  num_hidden_layers: 28,
  num_key_value_heads: 8,
  rms_norm_eps: 1e-6,
  rope_scaling: null,
  rope_theta: 1000000,
  sliding_window: null,
  tie_word_embeddings: true,
  use_sliding_window: false,
  vocab_size: 151936,
};

const PHI3 = {
  model_type: "phi3",
  attention_bias: false,
  hidden_act: "silu",
  hidden_size: 3072,
  intermediate_size: 8192,
  max_position_embeddings: 4096,
  num_attention_heads: 32,
  num_hidden_layers: 32,
  num_key_value_heads: 32,
  original_max_position_embeddings: 4096,
  rms_norm_eps: 1e-5,
  rope_scaling: null,
  rope_theta: 10000,
  sliding_window: 2047,
  tie_word_embeddings: false,
  vocab_size: 32064,
};

/** Wrong in one entry, which the message names. */
const BAD: readonly (readonly [entry: string, config: object])[] = [
  ["num_hidden_layers", { num_hidden_layers: 1e9 }],
  ["rope_parameters.rope_theta", { rope_parameters: { rope_type: "default", rope_theta: "1e6" } }],
  ["rope_scaling.rope_theta", { rope_scaling: { type: "linear", factor: 2, rope_theta: 0 } }],
];

const parsed = (config: object) => parseConfig(config, "/models/x");

describe("published configurations", () => {
  test("SmolLM-135M", () => {
    const { shape, tied, biases, fused, slidingWindows } = parsed(SMOLLM);
    expect(shape).toEqual({ d: 576, heads: 9, kvHeads: 3, headDim: 64, ffn: 1536 });
    expect({ tied, biases, fused }).toEqual({ tied: true, biases: [], fused: [] });
    expect(new Set(slidingWindows)).toEqual(new Set([null]));
  });

  test("TinyLlama-1.1B", () => {
    const { shape, rope } = parsed(TINYLLAMA);
    expect(shape).toEqual({ d: 2048, heads: 32, kvHeads: 4, headDim: 64, ffn: 5632 });
    expect(rope).toEqual({ type: "default", theta: 10000 });
  });

  test("Qwen3-0.6B: heads wider together than the stream, normed, nothing slides", () => {
    const { shape, headNorms, biases, slidingWindows } = parsed(QWEN3);
    expect(shape).toEqual({ d: 1024, heads: 16, kvHeads: 8, headDim: 128, ffn: 3072 });
    expect({ headNorms, biases }).toEqual({ headNorms: true, biases: [] });
    expect(new Set(slidingWindows)).toEqual(new Set([null]));
    expect(parsed({ ...QWEN3, head_dim: undefined }).shape.headDim).toBe(128);
    expect(parsed({ ...QWEN3, attention_bias: true }).biases).toEqual(["q", "k", "v", "o"]);
  });

  test("Phi-3-mini-4k: fused projections, every layer slides", () => {
    const { shape, fused, slidingWindows } = parsed(PHI3);
    expect(shape).toEqual({ d: 3072, heads: 32, kvHeads: 32, headDim: 96, ffn: 8192 });
    expect(fused.map(({ roles }) => roles)).toEqual([
      ["q", "k", "v"],
      ["gate", "up"],
    ]);
    expect(new Set(slidingWindows)).toEqual(new Set([2047]));
  });
});

describe("RoPE", () => {
  const linear = { type: "linear", factor: 2 };
  const written = { rope_type: "default", rope_theta: 500_000 };

  test("rope_scaling overrules rope_parameters, as in transformers", () => {
    const both = { ...TINYLLAMA, rope_parameters: written, rope_scaling: linear };
    expect(parsed(both).rope).toEqual({ type: "linear", factor: 2, theta: 10_000 });
  });

  test.each([null, {}, undefined])("rope_scaling %j says nothing", (nothing) => {
    const { rope } = parsed({ ...TINYLLAMA, rope_parameters: written, rope_scaling: nothing });
    expect(rope).toEqual({ type: "default", theta: 500_000 });
  });
});

test.each(BAD)("%s that cannot be is named", (entry, config) => {
  const attempt = () => parsed({ ...TINYLLAMA, ...config });
  expect(attempt).toThrow(`${entry}: `);
  expect(attempt).toThrow(expect.objectContaining({ code: "model/bad-config" }));
});

describe("refused, with the reason", () => {
  const factors = Array.from({ length: 48 }, () => 1.1);
  const longrope = { type: "longrope", short_factor: factors, long_factor: factors };
  const cases: [string, object, string, RegExp][] = [
    [
      "Phi-3-mini-128k",
      { ...PHI3, rope_scaling: longrope },
      "feature",
      /"longrope": its factors change with the length .* variant for short contexts/,
    ],
    [
      "Phi-4-mini, half turned",
      { ...PHI3, partial_rotary_factor: 0.75 },
      "feature",
      /partial_rotary_factor 0.75/,
    ],
    [
      "the same as transformers 5 writes it",
      { ...PHI3, rope_parameters: { rope_theta: 10000, partial_rotary_factor: 0.75 } },
      "feature",
      /partial_rotary_factor 0.75/,
    ],
    ["Gemma 2", { model_type: "gemma2" }, "architecture", /without extra matrices in every layer/],
    ["Gemma 3", { model_type: "gemma3_text" }, "architecture", /without extra matrices/],
    ["Mixtral", { model_type: "mixtral" }, "architecture", /mixture of experts/],
    ["Qwen3 MoE", { model_type: "qwen3_moe" }, "architecture", /mixture of experts/],
    [
      "DeepSeek-V3",
      { model_type: "deepseek_v3", n_routed_experts: 256 },
      "architecture",
      /mixture of experts/,
    ],
    ["GPT-2", { model_type: "gpt2" }, "architecture", /"gpt2" is not supported\. Supported: llama/],
    [
      "a word that every JavaScript object knows",
      { ...SMOLLM, model_type: "constructor" },
      "architecture",
      /"constructor" is not supported/,
    ],
    [
      "a compressed checkpoint, older layout",
      { ...SMOLLM, compression_config: { sparsity_config: { format: "dense" } } },
      "feature",
      /compression_config: start from the unquantized/,
    ],
    [
      "YaRN added by hand to what transformers 5 wrote",
      { ...QWEN3, rope_parameters: { rope_type: "default" }, rope_scaling: { type: "yarn" } },
      "feature",
      /rope scaling "yarn"/,
    ],
  ];
  test.each(cases)("%s", (_, config, what, says) => {
    const attempt = () => parsed(config);
    expect(attempt).toThrow(says);
    expect(attempt).toThrow(expect.objectContaining({ code: `model/unsupported-${what}` }));
  });
});
