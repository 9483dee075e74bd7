/** What a finished layer leaves for the run reaches its file behind the work: the card need not wait for it. */
import * as tf from "@tensorflow/tfjs-core";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBackend, type Backend } from "../../../daemon/backend/index.ts";
import type { LayerReport } from "../../../daemon/report.ts";
import { LayerFileWriter, withLayerFile } from "../../../daemon/pipeline/layerFile.ts";
import { testGpu } from "./testGpu.ts";

const gpu = await testGpu();

describe.skipIf(gpu.kind === "none")(gpu.name, () => {
  let folder: string;
  let device: Backend;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "layer-file-"));
    device = await openBackend("cuda");
  });
  afterAll(async () => {
    await device.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  test("a layer is described before its tensors are read, and may free them then", async () => {
    const random = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, "float32", seed);
    const rotation = {
      r1: random([24, 24], 1) as tf.Tensor2D,
      r2: random([2, 4, 4], 2) as tf.Tensor3D,
    };
    const streams = {
      dense: random([1, 5, 24], 3) as tf.Tensor3D,
      rotated: random([1, 5, 24], 4) as tf.Tensor3D,
      pruned: random([1, 5, 24], 5) as tf.Tensor3D,
    };
    const tensors = [...Object.values(rotation), ...Object.values(streams)];
    const wanted = await Promise.all(tensors.map((t) => t.data()));

    // No read comes back until it is let.
    const backend = tf.backend();
    const read = backend.read.bind(backend);
    let letThrough = (): void => undefined;
    const held = new Promise<void>((resolve) => (letThrough = resolve));
    Object.defineProperty(backend, "read", {
      configurable: true,
      value: async (dataId: tf.DataId) => {
        const values = await read(dataId);
        await held;
        return values;
      },
    });
    const path = join(folder, "layer.safetensors");
    const file = await LayerFileWriter.begin(path);
    const before = tf.memory().numTensors;
    try {
      const report = { index: 3 } as LayerReport;
      await file.describe(rotation, streams, { report, fallbacks: [] });
      tf.dispose(tensors);
      expect(tf.memory().numTensors).toBe(before - tensors.length);
    } finally {
      letThrough();
      Reflect.deleteProperty(backend, "read");
    }
    await file.finish();

    const found = await withLayerFile(path, async (written) => {
      expect(written.finished.report.index).toBe(3);
      const { r1, r2 } = await written.readRotation();
      const { dense, rotated, pruned } = await written.readStreams();
      return [r1, r2, dense, rotated, pruned];
    });
    expect(await Promise.all(found.map((t) => t.data()))).toEqual(wanted);
    expect(found.map(({ shape }) => shape)).toEqual(tensors.map(({ shape }) => shape));
    tf.dispose(found);
  });
});
