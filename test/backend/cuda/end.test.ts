/** The end of a device: what is under way then, what is asked of it later, and one that fails while it goes. */
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, describe, expect, test } from "vitest";
import { hostArray, openBackend, readInto, type Backend } from "../../../daemon/backend/index.ts";
import { testGpu } from "./testGpu.ts";

const { emulation, kind, name } = await testGpu();

describe.skipIf(kind === "none")(name, () => {
  let backend: Backend | undefined;
  const open = async (): Promise<Backend> => (backend = await openBackend("cuda"));
  afterEach(() => backend?.dispose());

  test.each([
    ["small", 3],
    ["large", 3_000_000],
  ])("a %s read under way ends with an error, and asks the driver nothing", async (_, length) => {
    const device = await open();
    const x = tf.ones([length]);
    const reading = x.data();
    await Promise.resolve();
    await device.dispose();
    await expect(reading).rejects.toThrow(/was given back/);
    expect(() => {
      x.dispose();
    }).not.toThrow();
  });

  test("so does one into page-locked memory", async () => {
    const device = await open();
    const x = tf.ones([10]);
    const reading = readInto(x, hostArray(10).values);
    await device.dispose();
    await expect(reading).rejects.toThrow(/was given back/);
  });

  test("what is asked of it later is told so", async () => {
    const device = await open();
    const x = tf.ones([2, 2]);
    const cuda = tf.backend();
    await device.dispose();
    expect(() => cuda.readSync(x.dataId)).toThrow(/was given back/);
    await expect(cuda.read(x.dataId)).rejects.toThrow(/was given back/);
  });

  test.skipIf(emulation === undefined).each(["cuStreamSynchronize", "cuMemPoolTrimTo"])(
    "%s that fails then is told, and the device opens again",
    async (call) => {
      const device = await open();
      emulation?.failNext(call, 700);
      await expect(async () => device.dispose()).rejects.toThrow(/700/);
      expect(tf.findBackendFactory("cuda")).toBeFalsy();
      await open();
      expect(await tf.ones([2]).data()).toEqual(Float32Array.of(1, 1));
    },
  );
});
