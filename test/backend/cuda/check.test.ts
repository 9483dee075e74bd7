/** `DENOISE_ROTATOR_CUDA_CHECK=1`: whatever computes is waited for, so that the one that failed is named. */
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, describe, expect, test } from "vitest";
import { openBackend, type Backend } from "../../../daemon/backend/index.ts";
import { testGpu } from "./testGpu.ts";

const { emulation, name } = await testGpu();
const VARIABLE = "DENOISE_ROTATOR_CUDA_CHECK";
const LAUNCH_FAILED = 719;

describe.skipIf(emulation === undefined)(name, () => {
  let backend: Backend | undefined;
  afterEach(async () => {
    Reflect.deleteProperty(process.env, VARIABLE);
    await backend?.dispose();
  });

  describe.each([
    ["kernel", (x: tf.Tensor2D) => tf.square(x), /\(719\).*Square_float/],
    ["product", (x: tf.Tensor2D) => tf.matMul(x, x), /\(719\).*product \[8, 8\]/],
  ] as const)("a %s", (_, run, words) => {
    test("that fails is named", async () => {
      process.env[VARIABLE] = "1";
      backend = await openBackend("cuda", { precision: "f32" });
      const x = tf.ones<tf.Rank.R2>([8, 8]);
      run(x).dispose();
      emulation?.failNext("cuStreamSynchronize", LAUNCH_FAILED);
      expect(() => run(x)).toThrow(words);
    });

    test("is not waited for where nobody asks", async () => {
      backend = await openBackend("cuda", { precision: "f32" });
      const x = tf.ones<tf.Rank.R2>([8, 8]);
      await x.data();
      const { pending = NaN } = emulation?.counters() ?? {};
      run(x);
      expect(emulation?.counters().pending).toBe(pending + 1);
    });
  });
});
