/**
 * WebGPU on whatever adapter there is. Without a GPU that is SwiftShader, when the variables of
 * `scripts/software-vulkan.mjs` were set before this process started (`npm test` sets them).
 */
import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, test } from "vitest";
import { listDevices, openBackend } from "../../daemon/backend/index.ts";
import { backendLaws } from "./laws/index.ts";

const report = (await listDevices()).find(({ device }) => device === "webgpu");
const why = report?.available === true ? "" : ` (${report?.missing ?? "no report"})`;

describe.skipIf(why !== "")(`an adapter${why}`, () => {
  backendLaws("webgpu", () => openBackend("webgpu"));

  const software = report?.automatic === false;
  test.runIf(software)("auto passes by an adapter emulated in software, and says so", async () => {
    const backend = await openBackend("auto");
    expect(backend.device).toBe("wasm");
    expect(backend.reason).toContain("only a software adapter");
    await backend.dispose();
  });

  test("opens again after it was disposed, and takes its globals away", async () => {
    for (let i = 0; i < 2; i++) {
      const backend = await openBackend("webgpu");
      expect(backend.maxTensorBytes).toBeGreaterThan(128 * 2 ** 20);
      const x = tf.ones<tf.Rank.R2>([2, 2]);
      const y = tf.matMul(x, x);
      expect([...(await y.data())]).toEqual([2, 2, 2, 2]);
      tf.dispose([x, y]);
      await backend.dispose();
      expect((globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu).toBeUndefined();
    }
  });

  test("an error on the GPU is thrown by the next read, not read as zeros", async () => {
    const backend = await openBackend("webgpu");
    const tooLarge = tf.fill([Math.floor(backend.maxTensorBytes / 4) + 1024], 1);
    const sum = tf.sum(tooLarge);
    await expect(sum.data()).rejects.toMatchObject({ code: "backend/device-failed" });
    await backend.dispose();
  });
});
