/**
 * What a person meets when the card does not play along: taken by others before a run, lost or full in the middle of
 * one. The run ends with what helps, and goes on from its finished layers to the same bytes.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { CudaDevice } from "../../../daemon/backend/cuda/device.ts";
import { openBackend, type Backend } from "../../../daemon/backend/index.ts";
import {
  pruneOn,
  silent,
  type PruneOptions,
  type RunListener,
} from "../../../daemon/pipeline/index.ts";
import { contents } from "../../pipeline/useRuns.ts";
import { writeTinyModel, writeTinyText } from "../../support/tinyModel.ts";
import { testGpu } from "./testGpu.ts";

const { emulation, name } = await testGpu();
const never = new AbortController().signal;
const totalBytes = process.env.EMULATED_GPU_BYTES;

describe.skipIf(emulation === undefined)(name, () => {
  let backend: Backend | undefined;
  beforeEach(async () => {
    backend = await openBackend("cuda");
  });
  afterEach(async () => {
    await backend?.dispose();
    backend = undefined;
  });

  describe("taken by others", () => {
    test.each([
      ["has its memory", 2, /OUT_OF_MEMORY.*`nvidia-smi` lists/],
      ["has it to itself", 46, /\(46\).*nvidia-smi -c DEFAULT/],
    ])("when another %s: what helps, and later it starts", async (_, status, words) => {
      await backend?.dispose();
      backend = undefined;
      emulation?.failNext("cuDevicePrimaryCtxRetain", status);
      await expect(openBackend("cuda")).rejects.toMatchObject({
        code: "backend/gpu-taken",
        message: expect.stringMatching(words) as string,
      });
      backend = await openBackend("cuda");
      expect(await tf.ones([2]).data()).toEqual(Float32Array.of(1, 1));
    });
  });

  describe("in the middle of a run", () => {
    let folder: string;
    let options: PruneOptions;
    let wanted: Map<string, Buffer>;
    const run = async (more: Partial<PruneOptions>, listener: RunListener = silent) => {
      if (backend === undefined) throw new Error("no device");
      await pruneOn(backend, { ...options, ...more }, listener, never);
    };
    const weights = async (out: string): Promise<Map<string, Buffer>> =>
      new Map([...(await contents(out))].filter(([file]) => file.endsWith(".safetensors")));

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "failing-"));
      options = {
        checkpoint: await writeTinyModel(folder, { layers: 3 }),
        out: join(folder, "whole"),
        calibration: [await writeTinyText(join(folder, "text.txt"))],
        ...{ samples: 3, seqLen: 16, sampling: "sequential", steps: 4 },
      };
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    /** Once a layer is finished. */
    const after = (layer: number, act: () => void): RunListener => {
      let finished = 0;
      return (event) => {
        if (event.type === "layer" && finished++ === layer) act();
      };
    };

    test("nothing happens: what the others are compared with", async () => {
      await run({});
      wanted = await weights(options.out);
      expect(wanted.size).toBeGreaterThan(0);
    });

    test.each([
      ["cuLaunchKernel", 719, /resume/],
      ["cuEventQuery", 214, /memory is damaged.*resume/],
      ["cuMemAllocAsync", 999, /resume/],
    ])("%s tells of a card that is lost (%i)", async (call, status, words) => {
      const out = join(folder, call);
      const lost = after(0, () => emulation?.failNext(call, status));
      await expect(run({ out }, lost)).rejects.toMatchObject({
        code: "backend/device-failed",
        message: expect.stringMatching(words) as string,
      });
      // As the next process does.
      await backend?.dispose();
      backend = await openBackend("cuda");
      const resumed: number[] = [];
      await run({ out, resume: true }, (event) => {
        if (event.type === "resumed") resumed.push(event.layers);
      });
      expect(resumed).toEqual([1]);
      expect(await weights(out)).toEqual(wanted);
    });

    test("the card is full, in any stage: sizes and advice, nothing stays on it, and with room again it goes on", async () => {
      const { pool } = (tf.backend() as unknown as { runtime: CudaDevice }).runtime;
      const held = () => ({ tensors: tf.memory().numTensors, bytes: pool.usedBytes });
      const allocate = pool.allocate.bind(pool);
      let [allocations, last] = [0, Infinity];
      pool.allocate = (...asked) => {
        if (++allocations === last) process.env.EMULATED_GPU_BYTES = String(pool.usedBytes + 1000);
        return allocate(...asked);
      };
      await run({ out: join(folder, "not full") });
      const before = held();
      const all = allocations;
      for (const share of [0.1, 0.3, 0.5, 0.7, 0.9]) {
        const out = join(folder, `full at ${share}`);
        [allocations, last] = [0, Math.floor(share * all)];
        try {
          await expect(run({ out }), out).rejects.toMatchObject({
            code: "backend/gpu-out-of-memory",
            message: expect.stringMatching(/GiB more: .* are free.*resume.*windows/) as string,
          });
        } finally {
          if (totalBytes === undefined) delete process.env.EMULATED_GPU_BYTES;
          else process.env.EMULATED_GPU_BYTES = totalBytes;
        }
        expect(held(), out).toEqual(before);
        if (share !== 0.7) continue;
        await run({ out, resume: true });
        expect(await weights(out)).toEqual(wanted);
      }
    });
  });
});
