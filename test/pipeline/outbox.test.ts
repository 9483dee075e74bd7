/** Batches on their way to a file: each whole and in its turn, however slow the file is and however many are sent. */
import * as tf from "@tensorflow/tfjs-core";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openBackend, type Backend } from "../../daemon/backend/index.ts";
import { Outbox } from "../../daemon/pipeline/outbox.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend("wasm");
});
afterAll(() => backend.dispose());

/** Looks at what it writes as late as it may; fails at the `broken`-th batch. */
function slowFile(broken = Infinity) {
  const written: [from: number, values: number[]][] = [];
  let writing = Promise.resolve();
  let begun = 0;
  return {
    written,
    target: {
      async write(from: number, values: Float32Array): Promise<void> {
        await writing;
        const mine = begun++;
        writing = sleep(2).then(() => {
          if (mine === broken) throw new Error("the disk is full");
          written.push([from, [...values]]);
        });
        writing.catch(() => undefined);
      },
      written: () => writing,
    },
  };
}

/** The last is shorter. */
const batches = Array.from({ length: 9 }, (_, k) => Array<number>(k === 8 ? 2 : 5).fill(k));

test("all that is sent at once is written, in order", async () => {
  const before = tf.memory().numTensors;
  const { written, target } = slowFile();
  const outbox = new Outbox(target, 5);
  batches.forEach((values, k) => void outbox.send(10 * k, tf.tensor1d(values)));
  await outbox.end();
  expect(written).toEqual(batches.map((values, k) => [10 * k, values]));
  expect(tf.memory().numTensors).toBe(before);
});

test("a write that fails is told, and nothing comes after it", async () => {
  const before = tf.memory().numTensors;
  const { written, target } = slowFile(3);
  const outbox = new Outbox(target, 5);
  batches.forEach((values, k) => void outbox.send(k, tf.tensor1d(values)));
  await expect(outbox.end()).rejects.toThrow("the disk is full");
  expect(written).toEqual(batches.slice(0, 3).map((values, k) => [k, values]));
  expect(tf.memory().numTensors).toBe(before);
});

test("what has not begun when it is stopped fails, and leaves the device", async () => {
  const before = tf.memory().numTensors;
  const { written, target } = slowFile();
  const outbox = new Outbox(target, 5);
  batches.forEach((values, k) => void outbox.send(k, tf.tensor1d(values)));
  outbox.stop();
  await expect(outbox.end()).rejects.toThrow("given up");
  expect(written.length).toBeLessThan(batches.length);
  expect(tf.memory().numTensors).toBe(before);
});
