/**
 * Weights on their way to a device that decodes and rounds by itself, and back: what the host would have made of the
 * same bytes, bit for bit, and the same refusals.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBackend, type Backend } from "../../../daemon/backend/index.ts";
import {
  encodeRounding,
  openCheckpoint,
  type Checkpoint,
} from "../../../daemon/checkpoint/index.ts";
import {
  disposeLayer,
  HEAD,
  openHead,
  openModel,
  readLayer,
  weightName,
  weightPlace,
  type Model,
} from "../../../daemon/model/index.ts";
import { rounded, storedBytes } from "../../../daemon/pipeline/rounding.ts";
import { seededRandom } from "../../../daemon/random.ts";
import { ROLES } from "../../../daemon/vocabulary.ts";
import { writeTinyModel, type TinyOptions } from "../../support/tinyModel.ts";
import { testGpu } from "./testGpu.ts";

const gpu = await testGpu();

async function withTiny(
  options: TinyOptions,
  work: (model: Model, checkpoint: Checkpoint) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "codes-"));
  const checkpoint = await openCheckpoint(await writeTinyModel(folder, options));
  try {
    await work(openModel(checkpoint), checkpoint);
  } finally {
    await checkpoint.close();
    await rm(folder, { recursive: true });
  }
}

describe.skipIf(gpu.kind === "none")(gpu.name, () => {
  let device: Backend;
  beforeAll(async () => {
    device = await openBackend("cuda");
  });
  afterAll(() => device.dispose());

  test.each([
    ["llama", "BF16"],
    ["llama", "F16"],
    ["llama", "F32"],
    // Rows of tensors that several matrices share.
    ["phi3", "BF16"],
  ] as const)(
    "a layer and the head of %s in %s are what the file holds",
    async (modelType, dtype) => {
      await withTiny({ modelType, dtype }, async (model, checkpoint) => {
        const before = tf.memory().numTensors;
        const layer = await readLayer(checkpoint, model.config, 1);
        for (const role of ROLES) {
          const { name, ...rows } = weightPlace(model.config, 1, role);
          const wanted = await checkpoint.readFloats(name, rows);
          expect([...(await layer.matrices[role].data())], role).toEqual([...wanted]);
        }
        disposeLayer(layer);
        const head = await openHead(checkpoint, model.config, model.ends);
        const slice = await head.load(0);
        expect([...(await slice.data())]).toEqual([...(await checkpoint.readFloats(HEAD))]);
        slice.dispose();
        head.dispose();
        expect(tf.memory().numTensors).toBe(before);
      });
    },
  );

  test.each([weightName(1, "up"), HEAD])("a NaN in %s is refused by name", async (name) => {
    const damaged = (values: Float32Array): Float32Array => values.fill(NaN, 5, 7);
    const options = { dtype: "BF16", replace: { [name]: damaged } } as const;
    await withTiny(options, async (model, checkpoint) => {
      const before = tf.memory().numTensors;
      const head = await openHead(checkpoint, model.config, model.ends);
      const reading = name === HEAD ? head.load(0) : readLayer(checkpoint, model.config, 1);
      await expect(reading).rejects.toMatchObject({
        code: "model/non-finite-weights",
        message: expect.stringContaining(`${name} holds 2 NaN`) as string,
      });
      head.dispose();
      expect(tf.memory().numTensors).toBe(before);
    });
  });

  test.each(["BF16", "F16", "F32", "F64"] as const)("what is stored as %s", async (dtype) => {
    const before = tf.memory().numTensors;
    const random = seededRandom(2);
    const values = Float32Array.from({ length: 3 * 7 }, () => 10 ** (4 * random.normal()));
    const wanted = values.slice();
    const bytes = encodeRounding(dtype, wanted);
    const stored = await rounded(dtype, tf.tensor2d(values.slice(), [3, 7]));
    expect(stored.tensor.shape).toEqual([3, 7]);
    expect(await stored.tensor.data()).toEqual(wanted);
    expect(Buffer.from(await stored.bytes).equals(Buffer.from(bytes))).toBe(true);
    stored.tensor.dispose();
    const alone = await storedBytes(dtype, tf.tensor1d(values.slice()));
    expect(Buffer.from(alone).equals(Buffer.from(bytes))).toBe(true);
    expect(tf.memory().numTensors).toBe(before);
  });
});
