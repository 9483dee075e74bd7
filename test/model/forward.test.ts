import * as tf from "@tensorflow/tfjs-core";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openBackend, type Backend } from "../../daemon/backend/index.ts";
import { openCheckpoint } from "../../daemon/checkpoint/index.ts";
import {
  decoderLayer,
  disposeContext,
  disposeLayer,
  logits,
  openEmbedding,
  openHead,
  openModel,
  readLayer,
  sequenceContext,
  tokenLosses,
  type InputObserver,
  type Model,
} from "../../daemon/model/index.ts";
import { seededRandom } from "../../daemon/random.ts";
import { referenceLogits } from "../support/reference.ts";
import { readReference } from "../support/readReference.ts";
import {
  TINY_SHAPE,
  TINY_VOCABULARY,
  writeTinyModel,
  type TinyOptions,
} from "../support/tinyModel.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend("wasm");
});
afterAll(() => backend.dispose());

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "model-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Hidden states `[T, d]` before the final norm. */
async function hidden(model: Model, ids: Int32Array, observer?: InputObserver) {
  const { config } = model;
  const context = sequenceContext(config, ids.length);
  const embedded = await openEmbedding(model.checkpoint, config, model.ends).lookup(ids);
  let x = tf.tensor3d(embedded, [1, ids.length, config.shape.d]);
  for (let i = 0; i < config.layers; i++) {
    const layer = await readLayer(model.checkpoint, config, i);
    const next = decoderLayer(x, layer, i, context, observer);
    x.dispose();
    disposeLayer(layer);
    x = next;
  }
  disposeContext(context);
  const flat: tf.Tensor2D = tf.reshape(x, [ids.length, config.shape.d]);
  x.dispose();
  return flat;
}

async function modelLogits(model: Model, ids: Int32Array): Promise<Float32Array> {
  const head = await openHead(model.checkpoint, model.config, model.ends);
  const states = await hidden(model, ids);
  const values = await logits(head, model.config, states);
  states.dispose();
  head.dispose();
  return values;
}

const plainAngle = (theta: number, headDim: number) => (t: number, i: number) =>
  t * theta ** ((-2 * i) / headDim);

const llama3 = {
  rope_type: "llama3",
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 32,
};

/** Llama 3's frequencies as its authors' `apply_scaling` states them. */
function llama3Angle(theta: number, headDim: number) {
  return (t: number, i: number) => {
    const f = theta ** ((-2 * i) / headDim);
    const wavelength = (2 * Math.PI) / f;
    if (wavelength < 32 / 4) return t * f;
    if (wavelength > 32 / 1) return (t * f) / 8;
    const smooth = (32 / wavelength - 1) / (4 - 1);
    return t * ((1 - smooth) * (f / 8) + smooth * f);
  };
}

const families: [string, TinyOptions, (t: number, i: number) => number][] = [
  ["llama, untied", {}, plainAngle(10000, 4)],
  ["llama, tied, only lm_head stored", { tied: true, stores: "head" }, plainAngle(10000, 4)],
  [
    "llama with biases everywhere",
    {
      biases: ["q", "k", "v", "o", "gate", "up", "down"],
      config: { attention_bias: true, mlp_bias: true },
    },
    plainAngle(10000, 4),
  ],
  [
    "llama with llama3 RoPE scaling, hd 16",
    { shape: { ...TINY_SHAPE, headDim: 16 }, config: { rope_theta: 50, rope_scaling: llama3 } },
    llama3Angle(50, 16),
  ],
  [
    "llama as transformers 5 writes it (rope_parameters)",
    {
      shape: { ...TINY_SHAPE, headDim: 16 },
      config: { rope_theta: undefined, rope_parameters: { ...llama3, rope_theta: 50 } },
    },
    llama3Angle(50, 16),
  ],
  [
    "llama with linear RoPE scaling",
    { config: { rope_scaling: { type: "linear", factor: 4 } } },
    (t, i) => plainAngle(10000, 4)(t / 4, i),
  ],
  ["qwen2, tied, biased", { modelType: "qwen2", tied: true }, plainAngle(10000, 4)],
  [
    "qwen2, window from layer 1 on",
    {
      modelType: "qwen2",
      config: { use_sliding_window: true, sliding_window: 5, max_window_layers: 1 },
    },
    plainAngle(10000, 4),
  ],
  [
    "mistral, window of 3",
    { modelType: "mistral", config: { sliding_window: 3 } },
    plainAngle(10000, 4),
  ],
  [
    "qwen3, tied, heads wider than the stream",
    { modelType: "qwen3", tied: true, shape: { ...TINY_SHAPE, headDim: 10 } },
    plainAngle(10000, 10),
  ],
  [
    "qwen3 with attention biases and a window by layer_types",
    {
      modelType: "qwen3",
      biases: ["q", "k", "v", "o"],
      config: {
        attention_bias: true,
        use_sliding_window: true,
        sliding_window: 4,
        layer_types: ["sliding_attention", "full_attention"],
      },
    },
    plainAngle(10000, 4),
  ],
  ["phi3, fused projections", { modelType: "phi3" }, plainAngle(10000, 4)],
  [
    "phi3, window of 3, no grouping",
    { modelType: "phi3", shape: { ...TINY_SHAPE, kvHeads: 4 }, config: { sliding_window: 3 } },
    plainAngle(10000, 4),
  ],
  [
    "llama in SmolLM's proportions: 9 heads over 3, tied",
    { tied: true, shape: { d: 36, heads: 9, kvHeads: 3, headDim: 4, ffn: 96 } },
    plainAngle(10000, 4),
  ],
  [
    "llama in TinyLlama's proportions: 8 heads over 1, an FFN of 44 for a stream of 16",
    { shape: { d: 16, heads: 8, kvHeads: 1, headDim: 2, ffn: 44 } },
    plainAngle(10000, 2),
  ],
  [
    "mistral, heads wider than the stream",
    { modelType: "mistral", shape: { ...TINY_SHAPE, headDim: 10 } },
    plainAngle(10000, 10),
  ],
];

describe("logits against a float64 forward", () => {
  test.each(families)("%s", async (_, options, angle) => {
    const checkpoint = await openCheckpoint(await writeTinyModel(folder, options));
    const model = openModel(checkpoint);
    const random = seededRandom(3);
    const ids = Int32Array.from({ length: 24 }, () => random.integer(TINY_VOCABULARY));
    const before = tf.memory().numTensors;

    const ours = await modelLogits(model, ids);

    expect(tf.memory().numTensors).toBe(before);
    const reference = referenceLogits(await readReference(checkpoint, model.config, angle), [
      ...ids,
    ]);
    const expected = reference.flatMap((row) => [...row]);
    const largest = Math.max(...expected.map(Math.abs));
    const difference = expected.reduce((m, e, i) => Math.max(m, Math.abs(e - (ours[i] ?? NaN))), 0);
    expect(largest).toBeGreaterThan(1);
    expect(difference).toBeLessThan(2e-5 * largest);
    await checkpoint.close();
  });

  test("dynamic NTK scaling changes the base only beyond the trained context", async () => {
    const config = { rope_scaling: { type: "dynamic", factor: 2 }, max_position_embeddings: 8 };
    const checkpoint = await openCheckpoint(await writeTinyModel(folder, { config }));
    const model = openModel(checkpoint);
    const ids = Int32Array.from({ length: 24 }, (_, i) => (i * 7) % TINY_VOCABULARY);
    // transformers: base · (factor · T / max − (factor − 1)) ^ (hd / (hd − 2))
    const stretched = 10000 * ((2 * 24) / 8 - 1) ** (4 / 2);
    for (const [length, theta] of [
      [8, 10000],
      [24, stretched],
    ] as const) {
      const part = ids.slice(0, length);
      const ours = await modelLogits(model, part);
      const reference = await readReference(checkpoint, model.config, plainAngle(theta, 4));
      const expected = referenceLogits(reference, [...part]).flatMap((row) => [...row]);
      for (const [i, e] of expected.entries()) expect(ours[i]).toBeCloseTo(e, 3);
    }
    await checkpoint.close();
  });
});

test("a long sequence attended in blocks equals the reference", async () => {
  const config = { max_position_embeddings: 1024, sliding_window: 300 };
  const root = await writeTinyModel(folder, { modelType: "mistral", layers: 1, config });
  const checkpoint = await openCheckpoint(root);
  const model = openModel(checkpoint);
  const random = seededRandom(5);
  const ids = Int32Array.from({ length: 700 }, () => random.integer(TINY_VOCABULARY));
  const ours = await modelLogits(model, ids);
  const reference = await readReference(checkpoint, model.config, plainAngle(10000, 4));
  const expected = referenceLogits(reference, [...ids]).flatMap((row) => [...row]);
  const difference = expected.reduce((m, e, i) => Math.max(m, Math.abs(e - (ours[i] ?? NaN))), 0);
  expect(difference).toBeLessThan(1e-4);
  await checkpoint.close();
});

test("token losses are those of the logits, and no tensor is left", async () => {
  const checkpoint = await openCheckpoint(await writeTinyModel(folder));
  const model = openModel(checkpoint);
  const ids = Int32Array.from([1, 5, 9, 2, 30, 7]);
  const targets = Int32Array.from([5, 9, 2, 30, 7, 0]);
  const values = await modelLogits(model, ids);
  const before = tf.memory().numTensors;

  const head = await openHead(checkpoint, model.config, model.ends);
  const states = await hidden(model, ids);
  const losses = await tokenLosses(head, model.config, states, targets);
  states.dispose();
  head.dispose();

  expect(tf.memory().numTensors).toBe(before);
  for (const [i, target] of targets.entries()) {
    const row = [...values.subarray(i * TINY_VOCABULARY, (i + 1) * TINY_VOCABULARY)];
    const expected = Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0)) - (row[target] ?? NaN);
    expect(losses[i]).toBeCloseTo(expected, 4);
  }
  await checkpoint.close();
});

test("an observer sees the four inputs in order and can stop the layer", async () => {
  const checkpoint = await openCheckpoint(await writeTinyModel(folder, { layers: 1 }));
  const model = openModel(checkpoint);
  const ids = Int32Array.from([1, 2, 3]);
  const seen: string[] = [];
  const see: InputObserver["see"] = (kind, input) => seen.push(`${kind} ${input.shape.join("×")}`);
  (await hidden(model, ids, { see })).dispose();
  expect(seen).toEqual(["qkv 3×16", "o 3×16", "mlp 3×16", "down 3×32"]);
  seen.length = 0;
  (await hidden(model, ids, { see, stopAfter: "o" })).dispose();
  expect(seen).toEqual(["qkv 3×16", "o 3×16"]);
  await checkpoint.close();
});
