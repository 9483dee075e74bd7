/** A stream can be read as soon as it is made, whatever of it is still on its way into the file. */
import * as tf from "@tensorflow/tfjs-core";
import { mkdtemp, open, rm, type FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { openBackend, type Backend } from "../../daemon/backend/index.ts";
import { writeStream } from "../../daemon/pipeline/activations.ts";

let backend: Backend;
let folder: string;
let undo: (() => void)[];
beforeAll(async () => {
  backend = await openBackend("wasm");
});
afterAll(() => backend.dispose());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "streams-"));
  undo = [];
});
afterEach(async () => {
  for (const one of undo) one();
  await rm(folder, { recursive: true, force: true });
});

/** As on a device with room for so many batches. */
function roomFor(batches: number): void {
  let left = batches;
  const value = () => (left-- > 0 ? () => undefined : undefined);
  Object.defineProperty(tf.backend(), "keepWhileRoom", { value, configurable: true });
  undo.push(() => Reflect.deleteProperty(tf.backend(), "keepWhileRoom"));
}

/** Whatever is written behind the beginning of a file takes its time. */
async function slowDisk(): Promise<void> {
  const probe = await open(join(folder, "probe"), "w");
  const files = Object.getPrototypeOf(probe) as { write: (...args: unknown[]) => Promise<unknown> };
  await probe.close();
  const { write } = files;
  files.write = async function (this: FileHandle, ...args) {
    if (args[3] !== 0) await new Promise((resolve) => setTimeout(resolve, 50));
    return write.apply(this, args);
  };
  undo.push(() => {
    files.write = write;
  });
}

test.each([0, 1, 2])("where the device keeps %i of two batches", async (batches) => {
  const shape = { windows: 2, seqLen: 4, d: 8 };
  const values = Float32Array.from({ length: 64 }, (_, i) => i + 1);
  const batch = (from: number) => values.subarray(32 * from, 32 * (from + 1));
  roomFor(batches);
  await slowDisk();
  const stream = await writeStream(join(folder, "stream"), shape, async (target) => {
    for (const from of [0, 1]) {
      const { stays, written } = target.pass(from, tf.tensor3d(batch(from), [1, 4, 8]), 0);
      if (!stays) await written;
    }
  });
  // Not the file alone, whose end may not be there yet.
  expect(await stream.read(1, 1)).toEqual(batch(1));
  expect(await stream.read(0, 2)).toEqual(values);
  await stream.close();
});
