import * as tf from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { backendLaws } from "./laws/index.ts";
import { openStrictCpu } from "./strictCpu.ts";

backendLaws("composed kernels, on a device that forbids synchronous reads", openStrictCpu);

test("the strict device does forbid them", async () => {
  const device = await openStrictCpu();
  const x = tf.ones([2]);
  expect(() => x.dataSync()).toThrow("synchronous read");
  x.dispose();
  await device.dispose();
});
