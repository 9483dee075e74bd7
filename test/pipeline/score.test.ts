/** Scoring many sequences at once gives what each gives alone, and alone what the float64 reference gives. */
import * as tf from "@tensorflow/tfjs-core";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBackend, type Backend } from "../../daemon/backend/index.ts";
import { openCheckpoint } from "../../daemon/checkpoint/index.ts";
import { openModel, type Model } from "../../daemon/model/index.ts";
import { scoreContinuations } from "../../daemon/pipeline/score.ts";
import {
  planBatches,
  uniqueSequences,
  type Continuation,
} from "../../daemon/pipeline/scoreBatches.ts";
import { seededRandom } from "../../daemon/random.ts";
import { readReference } from "../support/readReference.ts";
import { referenceLogits } from "../support/reference.ts";
import { TINY_VOCABULARY, writeTinyModel } from "../support/tinyModel.ts";

const random = seededRandom(5);
const ids = (n: number) => Int32Array.from({ length: n }, () => random.integer(TINY_VOCABULARY));

/** Lengths from 1 to 40, targets from one to all positions, some inputs shared. */
const requests: Continuation[] = Array.from({ length: 30 }, () => {
  const input = ids(1 + random.integer(40));
  return { input, targets: ids(1 + random.integer(input.length)) };
});
const shared = ids(9);
requests.push({ input: shared, targets: ids(1) }, { input: shared.slice(), targets: ids(3) });

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend("wasm");
});
afterAll(() => backend.dispose());

describe.each([
  ["llama", {}],
  // A window shorter than most sequences: padding must not move it.
  ["mistral", { config: { sliding_window: 6 } }],
] as const)("%s", (modelType, options) => {
  let folder: string;
  let model: Model;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "score-"));
    const path = await writeTinyModel(folder, { modelType, ...options });
    model = openModel(await openCheckpoint(path));
  });
  afterAll(async () => {
    await model.checkpoint.close();
    await rm(folder, { recursive: true });
  });

  const { signal } = new AbortController();
  const score = (some: readonly Continuation[], batchTokens?: number) =>
    scoreContinuations(model, some, { batchTokens, signal, onProgress: () => undefined });

  test("equals the float64 reference, whatever is read together, and leaves no tensor", async () => {
    const hd = model.config.shape.headDim;
    const angle = (t: number, i: number) => t / 10000 ** ((2 * i) / hd);
    const reference = await readReference(model.checkpoint, model.config, angle);
    const expected = requests.map(({ input, targets }) => {
      const rows = referenceLogits(reference, [...input]).slice(-targets.length);
      return rows.reduce((sum, row, j) => {
        const highest = Math.max(...row);
        const lse = highest + Math.log(row.reduce((s, v) => s + Math.exp(v - highest), 0));
        return sum + (row[targets[j] ?? -1] ?? NaN) - lse;
      }, 0);
    });
    const before = tf.memory().numTensors;
    for (const batchTokens of [undefined, 1, 50]) {
      const scores = await score(requests, batchTokens);
      for (const [i, e] of expected.entries())
        expect(Math.abs((scores[i] ?? NaN) - e)).toBeLessThan(1e-3);
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  test("padded and sorted equals one by one", async () => {
    const together = await score(requests, 200);
    for (const [i, request] of requests.entries()) {
      const [alone = NaN] = await score([request]);
      expect(together[i]).toBeCloseTo(alone, 4);
    }
  });

  test("progress rises to 1; a cancel stops it and leaves nothing", async () => {
    const shares: number[] = [];
    const controller = new AbortController();
    const before = tf.memory().numTensors;
    const watched = (onProgress: (share: number) => void) =>
      scoreContinuations(model, requests, {
        batchTokens: 50,
        signal: controller.signal,
        onProgress,
      });
    await watched((share) => shares.push(share));
    expect(shares.at(-1)).toBe(1);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    const stopped = watched((share) => {
      if (share > 0.4) controller.abort();
    });
    await expect(stopped).rejects.toThrow();
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe("planning", () => {
  const shape = { d: 16, ffn: 32, heads: 4 };
  const sequences = uniqueSequences(requests);

  test("what reads the same is one sequence", () => {
    expect(sequences.flatMap((s) => s.requests).toSorted((a, b) => a - b)).toEqual([
      ...requests.keys(),
    ]);
    expect(sequences.find((s) => s.requests.includes(30))?.requests).toContain(31);
    expect(new Set(sequences.map(({ input }) => input.join())).size).toBe(sequences.length);
  });

  test.each([
    [undefined, Infinity],
    [64, Infinity],
    [64, 150],
    [1, 1],
  ])("batches of %s tokens, chunks of %s", (batchTokens, maxTokens) => {
    const chunks = planBatches(sequences, { shape, batchTokens, maxTokens });
    const batches = chunks.flat();
    expect(batches.flatMap((b) => b.sequences)).toHaveLength(sequences.length);
    for (const chunk of chunks) {
      let start = 0;
      for (const batch of chunk) {
        expect(batch.start).toBe(start);
        expect(batch.seqLen).toBe(Math.max(...batch.sequences.map((s) => s.input.length)));
        start += batch.seqLen * batch.sequences.length;
        if (batchTokens !== undefined && batch.sequences.length > 1) {
          expect(batch.seqLen * batch.sequences.length).toBeLessThanOrEqual(batchTokens);
        }
      }
      if (chunk.length > 1) expect(start).toBeLessThanOrEqual(maxTokens);
    }
    const lengths = batches.flatMap((b) => b.sequences.map((s) => s.input.length));
    expect(lengths).toEqual(lengths.toSorted((a, b) => b - a));
  });
});
