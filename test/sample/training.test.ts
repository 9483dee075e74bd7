import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBackend, type Backend } from "../../daemon/backend/index.ts";
import {
  disposeContext,
  EMBEDDING,
  parseConfig,
  sequenceContext,
} from "../../daemon/model/index.ts";
import { seededRandom } from "../../daemon/random.ts";
import { adamWStep, cosineSchedule, initialState } from "../../scripts/sample/adamw.ts";
import { batchLoss, lossAndGradients, type Batch } from "../../scripts/sample/loss.ts";
import { initialParameters, upload, type Parameters } from "../../scripts/sample/parameters.ts";
import type { TrainingRecipe } from "../../scripts/sample/recipe.ts";
import { train, type TrainingOptions } from "../../scripts/sample/train.ts";
import { batchAt, tokensNeeded, trainingTokens } from "../../scripts/sample/windows.ts";

const VOCAB = 24;
const SEQ = 12;
const TINY = parseConfig(
  {
    model_type: "llama",
    hidden_size: 16,
    intermediate_size: 24,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    vocab_size: VOCAB,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
  },
  "tiny",
);
const OPTIMIZER = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, clip: 1 };

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend("wasm");
});
afterAll(() => backend.dispose());

/** Tokens with a rule to learn: each is its predecessor plus three. */
function ruleStream(length: number): Int32Array {
  return Int32Array.from({ length }, (_, i) => (i * 3) % VOCAB);
}

async function lossOf(parameters: Parameters, batch: Batch): Promise<number> {
  const context = sequenceContext(TINY, SEQ);
  const device = upload(parameters);
  const loss = batchLoss(device, batch, context);
  const [value = NaN] = await loss.data<"float32">();
  tf.dispose([loss, device]);
  disposeContext(context);
  return value;
}

async function gradientsOf(parameters: Parameters, batch: Batch) {
  const context = sequenceContext(TINY, SEQ);
  const device = upload(parameters);
  const result = await lossAndGradients(device, batch, context);
  tf.dispose(device);
  disposeContext(context);
  return result;
}

describe("the loss", () => {
  it("is log V for a model that knows nothing", async () => {
    const parameters = initialParameters(TINY, 1);
    parameters.get(EMBEDDING)?.values.fill(0);
    const batch = batchAt(ruleStream(100), 0, 2, SEQ);
    expect(await lossOf(parameters, batch)).toBeCloseTo(Math.log(VOCAB), 5);
  });

  it("is the cross-entropy of the next token", async () => {
    // Without what o and down add to it, the stream is the embedding row: logits = norm(E[id]) Eᵀ, in float64 here.
    const parameters = initialParameters(TINY, 4);
    for (const [name, { values }] of parameters) {
      if (/o_proj|down_proj/.test(name)) values.fill(0);
      if (name === EMBEDDING) values.forEach((x, i) => (values[i] = 50 * x));
    }
    const E = parameters.get(EMBEDDING)?.values ?? new Float32Array();
    const d = TINY.shape.d;
    const row = (id: number) => Array.from(E.subarray(id * d, (id + 1) * d));
    const batch = batchAt(ruleStream(100), 0, 2, SEQ);
    let sum = 0;
    for (let w = 0; w < 2; w++) {
      for (let t = 0; t < SEQ; t++) {
        const [id = 0, next = 0] = batch.tokens.subarray(w * (SEQ + 1) + t);
        const x = row(id);
        const scale = 1 / Math.sqrt(x.reduce((s, v) => s + v * v, 0) / d + 1e-5);
        const logits = Array.from({ length: VOCAB }, (_, j) =>
          row(j).reduce((s, v, k) => s + v * (x[k] ?? 0) * scale, 0),
        );
        sum += Math.log(logits.reduce((s, z) => s + Math.exp(z), 0)) - (logits[next] ?? 0);
      }
    }
    expect(sum / (2 * SEQ)).toBeGreaterThan(4);
    expect(await lossOf(parameters, batch)).toBeCloseTo(sum / (2 * SEQ), 4);
  });

  it("has the gradient that finite differences give, in every tensor", async () => {
    const parameters = initialParameters(TINY, 2);
    // Away from the start, where gains are one and logits nearly flat, and with unequal tokens.
    const random = seededRandom(3);
    for (const { values } of parameters.values()) {
      for (let i = 0; i < values.length; i++) values[i] = (values[i] ?? 0) + 0.4 * random.normal();
    }
    const tokens = Int32Array.from({ length: 2 * (SEQ + 1) }, () => random.integer(VOCAB));
    const batch: Batch = { windows: 2, tokens };
    const { loss, gradients } = await gradientsOf(parameters, batch);
    expect(loss).toBeCloseTo(await lossOf(parameters, batch), 5);
    expect([...gradients.keys()].sort()).toEqual([...parameters.keys()].sort());

    const h = 5e-3;
    for (const [name, { values }] of parameters) {
      const gradient = gradients.get(name) ?? new Float32Array();
      const largest = gradient.reduce(
        (best, g, i) => (Math.abs(g) > Math.abs(gradient[best] ?? 0) ? i : best),
        0,
      );
      for (const i of [largest, random.integer(values.length)]) {
        const kept = values[i] ?? 0;
        const lossAt = async (shift: number) => {
          values[i] = kept + shift;
          return lossOf(parameters, batch);
        };
        // Central difference of fourth order: its error is h⁴, so h can stay far above float32's rounding.
        const near = (await lossAt(h)) - (await lossAt(-h));
        const far = (await lossAt(2 * h)) - (await lossAt(-2 * h));
        values[i] = kept;
        const difference = (8 * near - far) / (12 * h);
        const scale = Math.abs(gradient[largest] ?? 0);
        const error = Math.abs(difference - (gradient[i] ?? NaN));
        expect(error / scale, `${name}[${i}]`).toBeLessThan(0.02);
      }
    }
  });

  it("leaves no tensor behind", async () => {
    const parameters = initialParameters(TINY, 1);
    const batch = batchAt(ruleStream(100), 0, 2, SEQ);
    await gradientsOf(parameters, batch);
    const before = tf.memory().numTensors;
    await gradientsOf(parameters, batch);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe("AdamW", () => {
  const one = (value: number, shape = [1]): Parameters =>
    new Map([["w", { shape, values: Float32Array.of(value) }]]);
  const step = (parameters: Parameters, g: number, options = OPTIMIZER) => {
    adamWStep(
      parameters,
      initialState(parameters),
      new Map([["w", Float32Array.of(g)]]),
      1,
      0.1,
      options,
    );
    return parameters.get("w")?.values[0] ?? NaN;
  };

  it("moves by the learning rate against the gradient's sign in its first step, whatever its size", () => {
    expect(step(one(2), 0.5)).toBeCloseTo(1.9, 6);
    expect(step(one(2), -1e-3)).toBeCloseTo(2.1, 4);
  });

  it("decays matrices only", () => {
    expect(step(one(2, [1, 1]), 0.5)).toBeCloseTo(2 * (1 - 0.1 * 0.1) - 0.1, 6);
  });

  it("clips the whole gradient by its norm", () => {
    // Norm 5 clipped to 1: (3, 4) becomes (0.6, 0.8); the second moments show it.
    const parameters: Parameters = new Map([
      ["a", { shape: [1], values: Float32Array.of(0) }],
      ["b", { shape: [1], values: Float32Array.of(0) }],
    ]);
    const state = initialState(parameters);
    const gradients = new Map([
      ["a", Float32Array.of(3)],
      ["b", Float32Array.of(4)],
    ]);
    adamWStep(parameters, state, gradients, 1, 0.1, OPTIMIZER);
    expect(state.get("a")?.second[0]).toBeCloseTo(0.05 * 0.36, 6);
    expect(state.get("b")?.second[0]).toBeCloseTo(0.05 * 0.64, 6);
  });

  it("warms up in a line and cools down in half a cosine", () => {
    expect([1, 5, 10, 60, 110].map((s) => cosineSchedule(s, 110, 10, 2))).toEqual([
      0.2,
      1,
      2,
      expect.closeTo(1, 12),
      expect.closeTo(0, 12),
    ]);
  });
});

describe("training", () => {
  const recipe: TrainingRecipe = {
    seed: 5,
    steps: 30,
    windows: 4,
    seqLen: SEQ,
    warmup: 3,
    peakLearningRate: 0.02,
    optimizer: OPTIMIZER,
  };
  const stream = ruleStream(tokensNeeded(recipe.steps, recipe.windows, SEQ));
  const run = (options: Partial<TrainingOptions> = {}) =>
    train({ config: TINY, recipe, stream, state: null, onStep: () => undefined, ...options });

  it("learns a rule", async () => {
    const losses: number[] = [];
    await run({ onStep: (_, loss) => losses.push(loss) });
    expect(losses[0]).toBeGreaterThan(2.5);
    expect(losses.at(-1)).toBeLessThan(0.5);
    expect(Math.min(...losses)).toBeGreaterThan(0);
  });

  it("ends with the same numbers when it was interrupted", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sample-"));
    const state = { file: join(folder, "training.safetensors"), every: 4 };
    const stop = new Error("pulled the plug");
    const interrupted = run({
      state,
      onStep: (step) => {
        if (step === 10) throw stop;
      },
    });
    await expect(interrupted).rejects.toBe(stop);
    const steps: number[] = [];
    const resumed = await run({ state, onStep: (step) => steps.push(step) });
    expect(steps[0]).toBe(9);
    expect(resumed).toEqual(await run());
    await rm(folder, { recursive: true });
  });
});

describe("the training stream", () => {
  /** One id a character, and 0 before a text. */
  const tokenizer = { encode: (text: string) => [0, ...Array.from(text, (c) => c.charCodeAt(0))] };

  it("gives every token but the first as a target exactly once", () => {
    const [windows, seqLen, steps] = [3, 5, 4];
    const tokens = trainingTokens(tokenizer, tokensNeeded(steps, windows, seqLen));
    const targets: number[] = [];
    for (let step = 0; step < steps; step++) {
      const batch = batchAt(tokens, step, windows, seqLen);
      for (let w = 0; w < windows; w++) {
        targets.push(...batch.tokens.subarray(w * (seqLen + 1) + 1, (w + 1) * (seqLen + 1)));
      }
    }
    expect(targets).toEqual([...tokens.subarray(1)]);
    expect(tokens[0]).toBe(0);
  });

  it("begins the same whatever its length", () => {
    expect([...trainingTokens(tokenizer, 9_000).subarray(0, 500)]).toEqual([
      ...trainingTokens(tokenizer, 500),
    ]);
  });
});
