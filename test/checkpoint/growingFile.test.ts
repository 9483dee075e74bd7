import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { GrowingFile, openCheckpoint } from "../../daemon/checkpoint/index.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "growing-"));
});
afterEach(() => rm(folder, { recursive: true }));

const F32 = (name: string, n: number) => ({ name, dtype: "F32", shape: [n] }) as const;

test("is read back as it was appended, and only when it is finished", async () => {
  const path = join(folder, "a.safetensors");
  const file = await GrowingFile.begin(path);
  await file.append({ name: "text", dtype: "U8", shape: [3] }, [Buffer.from("abc")]);
  const halves = [Float32Array.of(1, 2), Float32Array.of(3)];
  await file.append(
    F32("w", 3),
    halves.map((half) => new Uint8Array(half.buffer)),
  );
  await file.append(F32("empty", 0), []);
  expect(existsSync(path)).toBe(false);
  await file.finish();
  expect(await readdir(folder)).toEqual(["a.safetensors"]);
  const opened = await openCheckpoint(path);
  expect([...opened.tensors.keys()]).toEqual(["text", "w", "empty"]);
  expect(Buffer.from(await opened.readBytes("text")).toString()).toBe("abc");
  expect([...(await opened.readFloats("w"))]).toEqual([1, 2, 3]);
  await opened.close();
});

test("nothing is left of a file that was given up", async () => {
  const file = await GrowingFile.begin(join(folder, "a.safetensors"));
  await file.append(F32("w", 1), [new Uint8Array(4)]);
  await file.abort();
  expect(await readdir(folder)).toEqual([]);
});

test("refuses bytes that do not fit the shape, and a folder that is not there", async () => {
  const file = await GrowingFile.begin(join(folder, "a.safetensors"));
  await expect(file.append(F32("w", 2), [new Uint8Array(4)])).rejects.toMatchObject({
    code: "checkpoint/write-out-of-range",
  });
  await file.abort();
  await expect(GrowingFile.begin(join(folder, "none", "a.safetensors"))).rejects.toMatchObject({
    code: expect.stringMatching(/^checkpoint\//) as string,
  });
});
