/** Bad input meets its coded error before any work, and leaves nothing behind. */
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { PruneOptions } from "../../daemon/pipeline/index.ts";
import type { TinyOptions } from "../support/tinyModel.ts";
import { useRuns } from "./useRuns.ts";

const runs = useRuns();

interface Case {
  readonly code: string;
  readonly says: string;
  readonly tiny?: TinyOptions;
  readonly options?: Partial<PruneOptions>;
  readonly prepare?: (model: string) => Promise<unknown>;
}

const nan = (values: Float32Array) => values.map((v, i) => (i === 3 ? NaN : v));
const infinite = (values: Float32Array) => values.map((v, i) => (i === 5 ? Infinity : v));
const huge = (values: Float32Array) => values.map(() => 3e38);

const cases: Record<string, Case> = {
  "unsupported architecture": {
    code: "model/unsupported-architecture",
    says: "gpt2",
    tiny: { config: { model_type: "gpt2" } },
  },
  "mixture of experts by name": {
    code: "model/unsupported-architecture",
    says: "it is a mixture of experts",
    tiny: { config: { model_type: "mixtral" } },
  },
  "mixture of experts by its number of experts": {
    code: "model/unsupported-architecture",
    says: "expert by expert are not built yet",
    tiny: { config: { model_type: "deepseek_v3", n_routed_experts: 256 } },
  },
  "norms behind attention and FFN": {
    code: "model/unsupported-architecture",
    says: "cannot be folded in without extra matrices",
    tiny: { config: { model_type: "gemma2" } },
  },
  "RoPE on a part of each head": {
    code: "model/unsupported-feature",
    says: "partial_rotary_factor 0.75",
    tiny: { modelType: "phi3", config: { partial_rotary_factor: 0.75 } },
  },
  "long-context RoPE": {
    code: "model/unsupported-feature",
    says: 'rope scaling "longrope"',
    tiny: {
      modelType: "phi3",
      config: { rope_scaling: { type: "longrope", short_factor: [1, 1], long_factor: [1, 2] } },
    },
  },
  "a fused tensor with rows of other heads": {
    code: "model/shape-mismatch",
    says: "qkv_proj.weight has shape [32, 16], but config.json says [24, 16]",
    tiny: { modelType: "phi3", config: { num_key_value_heads: 1 } },
  },
  "config without sizes": {
    code: "model/bad-config",
    says: "hidden_size",
    tiny: { config: { hidden_size: undefined } },
  },
  "config that contradicts the tensors": {
    code: "model/shape-mismatch",
    says: "has shape [32, 16]",
    tiny: { config: { intermediate_size: 64 } },
  },
  "more layers than the file has": {
    code: "model/missing-tensor",
    says: "model.layers.2.input_layernorm.weight",
    tiny: { config: { num_hidden_layers: 3 } },
  },
  "kv heads that do not divide": {
    code: "model/bad-config",
    says: "does not divide",
    tiny: { config: { num_key_value_heads: 3 } },
  },
  "unknown rope scaling": {
    code: "model/unsupported-feature",
    says: "yarn",
    tiny: { config: { rope_scaling: { rope_type: "yarn", factor: 2 } } },
  },
  "quantized checkpoint": {
    code: "model/unsupported-feature",
    says: "quantization_config",
    tiny: { config: { quantization_config: { quant_method: "gptq" } } },
  },
  "other activation": {
    code: "model/unsupported-feature",
    says: "gelu",
    tiny: { config: { hidden_act: "gelu" } },
  },
  "NaN weights": {
    code: "model/non-finite-weights",
    says: "model.layers.1.mlp.up_proj.weight",
    tiny: { replace: { "model.layers.1.mlp.up_proj.weight": nan } },
  },
  "infinite embedding": {
    code: "model/non-finite-weights",
    says: "model.embed_tokens.weight",
    tiny: { replace: { "model.embed_tokens.weight": infinite } },
  },
  "activations that overflow": {
    code: "model/non-finite-activations",
    says: "layer 0",
    tiny: { replace: { "model.layers.0.mlp.up_proj.weight": huge } },
  },
  "N:M that does not divide": {
    code: "method/pattern-does-not-fit",
    says: "/model has 16 input columns, which groups of 5",
    options: { pattern: { kind: "nm", keep: 2, of: 5 } },
  },
  "share out of range": {
    code: "method/pattern-out-of-range",
    says: "0",
    options: { pattern: { kind: "unstructured", share: 1 } },
  },
  "no config": {
    code: "model/no-config",
    says: "config.json",
    prepare: (model) => rm(join(model, "config.json")),
  },
  "no tokenizer": {
    code: "text/tokenizer-missing",
    says: "tokenizer.json",
    prepare: (model) => rm(join(model, "tokenizer.json")),
  },
  "calibration text too short": {
    code: "text/too-short",
    says: "16000",
    options: { samples: 1000 },
  },
  "calibration file missing": {
    code: "text/file-missing",
    says: "nowhere.txt",
    options: { calibration: ["/nowhere.txt"] },
  },
  "no calibration given": {
    code: "pipeline/no-calibration",
    says: "--calibration",
    options: { calibration: [] },
  },
  "output inside the input": {
    code: "checkpoint/output-inside-input",
    says: "never written to",
    options: { out: "model/out" },
  },
  "output exists": {
    code: "checkpoint/output-exists",
    says: "not empty",
    prepare: async (model) => {
      await mkdir(join(model, "..", "out"));
      await writeFile(join(model, "..", "out", "precious"), "");
    },
  },
  "steps that are no number of steps": {
    code: "pipeline/bad-option",
    says: "--steps",
    options: { steps: 1.5 },
  },
};

test.each(Object.entries(cases))("%s", async (_, { code, says, tiny, options, prepare }) => {
  const { out = "out", ...more } = options ?? {};
  const asked = await runs.options(tiny ?? {}, {
    method: "wanda",
    samples: 4,
    seqLen: 16,
    steps: 4,
    ...more,
  });
  await prepare?.(asked.checkpoint);
  const before = await readdir(runs.folder, { recursive: true });
  const run = runs.run({ ...asked, out: join(runs.folder, out) });
  const expected = { code, message: expect.stringContaining(says) as string };
  await expect(run).rejects.toMatchObject(expected);
  const after = await readdir(runs.folder, { recursive: true });
  expect(after.filter((name) => !name.startsWith(".denoise-rotator"))).toEqual(before);
});
