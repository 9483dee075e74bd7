/** The emulated GPU that does nothing: memory is counted, nothing is computed, and what is read is 0. */
import * as tf from "@tensorflow/tfjs-core";
import path from "node:path";
import { expect, test } from "vitest";
import { openBackend } from "../../../daemon/backend/index.ts";
import { emulatedCuda, emulatedGpu } from "./index.ts";

// Read once by the driver.
process.env.EMULATED_GPU_IDLE = "1";
const { folder = "", missing } = await emulatedCuda();
if (folder === "") console.log(`idle emulated GPU: not tested, ${missing ?? ""}`);

test.skipIf(folder === "")("an idle GPU gives zeros, and memory that counts", async () => {
  process.env.DENOISE_ROTATOR_CUDA = folder;
  process.env.XDG_CACHE_HOME = path.join(folder, "cache");
  const backend = await openBackend("cuda");
  const { bytes, launches } = emulatedGpu(folder).counters();
  const x = tf.fill<tf.Rank.R2>([512, 512], 2);
  const product = tf.matMul(x, x);
  expect(new Set(await product.data())).toEqual(new Set([0]));
  const now = emulatedGpu(folder).counters();
  expect(now.bytes - bytes).toBe(2 * 4 * 512 * 512);
  expect(now.launches).toBeGreaterThan(launches);
  expect(emulatedGpu(folder).fault()).toBe("");
  tf.dispose([x, product]);
  expect(emulatedGpu(folder).counters().bytes).toBe(bytes);
  await backend.dispose();
});
