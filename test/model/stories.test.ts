/** The published stories260K models: expected values from an independent NumPy forward (shared/data). */
import * as tf from "@tensorflow/tfjs-core";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { openBackend, type Backend } from "../../daemon/backend/index.ts";
import { openCheckpoint } from "../../daemon/checkpoint/index.ts";
import {
  decoderLayer,
  logits,
  openEmbedding,
  openHead,
  openModel,
  readLayer,
  sequenceContext,
  tokenLosses,
  type DecoderLayer,
  type Model,
} from "../../daemon/model/index.ts";

const DATA = join(import.meta.dirname, "../../../shared/data");
const MODELS = ["stories260K", "stories260K-qwen2", "stories260K-mistral"];
const expectedSchema = z.object({
  input_ids: z.array(z.number()),
  greedy_32: z.array(z.number()),
  logits_last_first16: z.array(z.number()),
  logits_last_max: z.number(),
  mean_nll: z.number(),
});

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend("wasm");
});
afterAll(() => backend.dispose());

async function load(model: Model) {
  const layers: DecoderLayer[] = [];
  for (let i = 0; i < model.config.layers; i++) {
    layers.push(await readLayer(model.checkpoint, model.config, i));
  }
  const head = await openHead(model.checkpoint, model.config, model.ends);
  const embedding = openEmbedding(model.checkpoint, model.config, model.ends);
  const hidden = async (ids: Int32Array): Promise<tf.Tensor2D> => {
    const context = sequenceContext(model.config, ids.length);
    const embedded = await embedding.lookup(ids);
    return tf.tidy(() => {
      let x = tf.tensor3d(embedded, [1, ids.length, model.config.shape.d]);
      layers.forEach((layer, i) => {
        x = decoderLayer(x, layer, i, context);
      });
      return tf.reshape(x, [ids.length, model.config.shape.d]);
    });
  };
  return { head, hidden };
}

describe.skipIf(!existsSync(DATA))("expected.json (shared/data beside the checkout)", () => {
  test.each(MODELS)("%s: logits, loss and 32 greedy tokens", async (name) => {
    const root = join(DATA, name);
    const expected = expectedSchema.parse(
      JSON.parse(await readFile(join(root, "expected.json"), "utf8")),
    );
    const checkpoint = await openCheckpoint(root);
    const model = openModel(checkpoint);
    const { head, hidden } = await load(model);
    const prompt = Int32Array.from(expected.input_ids);

    const states = await hidden(prompt);
    const losses = await tokenLosses(
      head,
      model.config,
      tf.slice(states, [0, 0], [prompt.length - 1, -1]),
      prompt.slice(1),
    );
    expect(losses.reduce((a, b) => a + b, 0) / losses.length).toBeCloseTo(expected.mean_nll, 4);
    const last = await logits(head, model.config, tf.slice(states, [prompt.length - 1, 0]));
    expected.logits_last_first16.forEach((value, i) => {
      expect(Math.abs((last[i] ?? NaN) - value)).toBeLessThan(1e-3);
    });
    expect(Math.max(...last)).toBeCloseTo(expected.logits_last_max, 3);

    const ids = [...prompt];
    while (ids.length < prompt.length + expected.greedy_32.length) {
      const x = await hidden(Int32Array.from(ids));
      const next = await logits(head, model.config, tf.slice(x, [ids.length - 1, 0]));
      ids.push(next.indexOf(Math.max(...next)));
      x.dispose();
    }
    expect(ids.slice(prompt.length)).toEqual(expected.greedy_32);
    await checkpoint.close();
  });
});
