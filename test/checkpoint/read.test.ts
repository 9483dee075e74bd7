/** Reading tensors by ranges, at any offset, from many files. */

import { existsSync } from "node:fs";
import { open, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openCheckpoint } from "../../daemon/checkpoint/index.ts";
import { entry, f32File, failure, fill, rawFile, useTemporaryFolder } from "./support.ts";

const folder = useTemporaryFolder();

/** A file whose data is a hole of `bytes` bytes, except what `at` puts in. Takes no space on disk. */
async function sparseFile(
  path: string,
  header: object,
  bytes: number,
  at: readonly (readonly [offset: number, content: Uint8Array])[] = [],
): Promise<void> {
  const head = rawFile(header);
  const handle = await open(path, "w");
  await handle.write(head);
  await handle.truncate(head.length + bytes);
  for (const [offset, content] of at) {
    await handle.write(content, 0, content.length, head.length + offset);
  }
  await handle.close();
}

const f32 = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

describe("byte ranges", () => {
  it("are exact, and of the tensor asked for", async () => {
    const data = Uint8Array.from({ length: 100 }, (_, i) => i);
    const header = { a: entry("U8", [30], 0, 30), b: entry("I16", [35], 30, 100) };
    await fill(folder(), { "model.safetensors": rawFile(header, data) });
    const c = await openCheckpoint(folder());
    expect(await c.readBytes("a")).toEqual(data.slice(0, 30));
    expect(await c.readBytes("b")).toEqual(data.slice(30));
    expect(await c.readBytes("b", 1, 5)).toEqual(data.slice(31, 35));
    expect(await c.readBytes("b", 68)).toEqual(data.slice(98));
    const buffer = new Uint8Array(20);
    expect(await c.readInto("a", buffer, 5)).toEqual(data.slice(5, 25));
    expect(await c.readInto("a", buffer, 25)).toEqual(data.slice(25, 30));
    expect((await failure(c.readInto("a", buffer, 31))).code).toBe("checkpoint/bad-range");
    expect(await c.readBytes("b", 70, 70)).toHaveLength(0);
    await c.close();
  });

  it.each([
    [-1, 2],
    [0, 5],
    [3, 2],
    [0.5, 2],
    [0, NaN],
  ])("outside the tensor are refused: %d to %d", async (start, end) => {
    await fill(folder(), { "model.safetensors": f32File({ w: [1], x: [2] }) });
    const c = await openCheckpoint(folder());
    const error = await failure(c.readBytes("w", start, end));
    expect(error.code).toBe("checkpoint/bad-range");
    expect(error.message).toContain('"w"');
    await c.close();
  });

  it("of a tensor that is not there are refused", async () => {
    await fill(folder(), { "model.safetensors": f32File({ w: [1] }) });
    const c = await openCheckpoint(folder());
    expect((await failure(c.readBytes("v"))).code).toBe("checkpoint/no-such-tensor");
    expect((await failure(c.readFloats("__proto__"))).code).toBe("checkpoint/no-such-tensor");
    await c.close();
  });
});

describe("float values", () => {
  // 1, −2, 0.5, 3, 0, −0.25 in each type's own bits, from the formats' definitions.
  const VALUES = [1, -2, 0.5, 3, 0, -0.25];
  const BITS = {
    F64: new Uint8Array(Float64Array.from(VALUES).buffer),
    F32: f32(...VALUES),
    F16: new Uint8Array(Uint16Array.of(0x3c00, 0xc000, 0x3800, 0x4200, 0, 0xb400).buffer),
    BF16: new Uint8Array(Uint16Array.of(0x3f80, 0xc000, 0x3f00, 0x4040, 0, 0xbe80).buffer),
    F8_E4M3: Uint8Array.of(0x38, 0xc0, 0x30, 0x44, 0, 0xa8),
    F8_E5M2: Uint8Array.of(0x3c, 0xc0, 0x38, 0x42, 0, 0xb4),
  };

  it.each(Object.entries(BITS))("of %s are read whole and by rows", async (dtype, bits) => {
    const header = {
      lead: entry("U8", [3], 0, 3),
      w: entry(dtype, [3, 2], 3, 3 + bits.length),
    };
    const data = Buffer.concat([Buffer.alloc(3, 9), bits]);
    await fill(folder(), { "model.safetensors": rawFile(header, data) });
    const c = await openCheckpoint(folder());
    expect([...(await c.readFloats("w"))]).toEqual(VALUES);
    expect([...(await c.readFloats("w", { rowStart: 1, rowEnd: 3 }))]).toEqual(VALUES.slice(2));
    expect([...(await c.readFloats("w", { rowStart: 1, rowEnd: 1 }))]).toEqual([]);
    expect((await failure(c.readFloats("w", { rowStart: 0, rowEnd: 4 }))).code).toBe(
      "checkpoint/bad-range",
    );
    expect((await failure(c.readFloats("lead"))).code).toBe("checkpoint/not-float");
    await c.close();
  });

  it("of vectors, scalars and empty tensors", async () => {
    const header = {
      v: entry("F32", [3], 0, 12),
      s: entry("F32", [], 12, 16),
      none: entry("F16", [0, 4], 16, 16),
      hollow: entry("F16", [4, 0], 16, 16),
    };
    await fill(folder(), { "model.safetensors": rawFile(header, f32(1, 2, 3, 4)) });
    const c = await openCheckpoint(folder());
    expect([...(await c.readFloats("v", { rowStart: 1, rowEnd: 2 }))]).toEqual([2]);
    expect([...(await c.readFloats("s"))]).toEqual([4]);
    expect(await c.readFloats("none")).toHaveLength(0);
    expect(await c.readFloats("hollow")).toHaveLength(0);
    await c.close();
  });

  it("longer than a chunk are read without a seam", async () => {
    const count = 9 * 2 ** 20 + 5;
    const codes = Uint16Array.from({ length: count }, (_, i) => (i * 40503) % 65521);
    const header = { w: entry("BF16", [count], 0, 2 * count) };
    await fill(folder(), {
      "model.safetensors": rawFile(header, new Uint8Array(codes.buffer)),
    });
    const c = await openCheckpoint(folder());
    const values = await c.readFloats("w");
    const view = new DataView(new ArrayBuffer(4));
    const wrong: number[] = [];
    for (let i = 0; i < count; i++) {
      view.setUint16(0, codes[i] ?? 0);
      if (!Object.is(values[i], view.getFloat32(0))) wrong.push(i);
    }
    expect(wrong).toEqual([]);
    await c.close();
  });
});

describe("F64", () => {
  it("longer than a chunk is read without a seam", async () => {
    const count = 3 * 2 ** 17 + 5;
    const values = Float64Array.from({ length: count }, (_, i) => i / 3);
    const header = { w: entry("F64", [count], 0, 8 * count) };
    await fill(folder(), {
      "model.safetensors": rawFile(header, new Uint8Array(values.buffer)),
    });
    const c = await openCheckpoint(folder());
    expect(await c.readFloats("w")).toEqual(new Float32Array(values));
    await c.close();
  });
});

describe("large checkpoints", () => {
  it("are read beyond 4 GiB", async () => {
    const rows = 2 ** 20 + 3;
    const size = rows * 4096;
    const last = size - 4096;
    const header = {
      big: entry("F32", [rows, 1024], 0, size),
      w: entry("F32", [2], size, size + 8),
    };
    const path = join(folder(), "model.safetensors");
    await sparseFile(path, header, size + 8, [
      [last, f32(1.5)],
      [size - 4, f32(2.5)],
      [size, f32(3.5, 4.5)],
    ]);
    const c = await openCheckpoint(path);
    expect(c.tensors.get("w")?.offset).toBeGreaterThan(2 ** 32);
    expect([...(await c.readFloats("w"))]).toEqual([3.5, 4.5]);
    const row = await c.readFloats("big", { rowStart: rows - 1, rowEnd: rows });
    expect([row.length, row[0], row[1], row[1023]]).toEqual([1024, 1.5, 0, 2.5]);
    await c.close();
  });

  it("of 30 shards and 140 GB are opened by their headers alone", async () => {
    const shardBytes = 4_700_000_256;
    const weightMap: Record<string, string> = {};
    for (let s = 0; s < 30; s++) {
      const file = `model-${String(s + 1).padStart(5, "0")}-of-00030.safetensors`;
      const header: Record<string, object> = {};
      for (let t = 0, at = 0; t < 24; t++) {
        const bytes = shardBytes / 24;
        header[`model.layers.${s}.w${t}`] = entry("BF16", [bytes / 2], at, (at += bytes));
        weightMap[`model.layers.${s}.w${t}`] = file;
      }
      await sparseFile(join(folder(), file), header, shardBytes, [
        [shardBytes - 2, Uint8Array.of(0x80, 0x3f)],
      ]);
    }
    await writeFile(
      join(folder(), "model.safetensors.index.json"),
      JSON.stringify({ weight_map: weightMap }),
    );
    // Linux counts what a process reads.
    const bytesRead = async (): Promise<number> =>
      existsSync("/proc/self/io")
        ? Number(/rchar: (\d+)/.exec(await readFile("/proc/self/io", "utf8"))?.[1])
        : 0;
    const before = await bytesRead();
    const c = await openCheckpoint(folder());
    expect((await bytesRead()) - before).toBeLessThan(2e6);
    expect(c.tensors.size).toBe(720);
    expect([...c.tensors.values()].reduce((sum, t) => sum + t.bytes, 0)).toBe(30 * shardBytes);
    const n = shardBytes / 48;
    const tail = await c.readFloats("model.layers.29.w23", { rowStart: n - 2, rowEnd: n });
    expect([...tail]).toEqual([0, 1]);
    await c.close();
  });
});

describe("file handles", () => {
  const FDS = "/proc/self/fd";

  it.skipIf(!existsSync(FDS))(
    "stay within their limit and are all closed (needs /proc)",
    async () => {
      const weightMap: Record<string, string> = {};
      for (let s = 0; s < 12; s++) {
        await fill(folder(), { [`s${s}.safetensors`]: f32File({ [`w${s}`]: [s] }) });
        weightMap[`w${s}`] = `s${s}.safetensors`;
      }
      await fill(folder(), {
        "model.safetensors.index.json": JSON.stringify({ weight_map: weightMap }),
      });
      const openFiles = async (): Promise<number> => (await readdir(FDS)).length;
      const before = await openFiles();
      const c = await openCheckpoint(folder(), { maxOpenFiles: 3 });
      const order = Array.from({ length: 60 }, (_, i) => (i * 7) % 12);
      const values = await Promise.all(order.map(async (s) => (await c.readFloats(`w${s}`))[0]));
      expect(values).toEqual(order);
      expect(await openFiles()).toBeLessThanOrEqual(before + 3);
      expect(await openFiles()).toBeGreaterThan(before);
      await c.close();
      expect(await openFiles()).toBe(before);
    },
  );

  it("are not opened again after closing", async () => {
    await fill(folder(), { "model.safetensors": f32File({ w: [1] }) });
    const c = await openCheckpoint(folder());
    await c.close();
    expect((await failure(c.readFloats("w"))).code).toBe("checkpoint/closed");
  });

  it("are not opened on a file that was replaced in the meantime", async () => {
    await fill(folder(), { "model.safetensors": f32File({ w: [1, 2] }) });
    const c = await openCheckpoint(folder());
    await fill(folder(), { "model.safetensors": f32File({ v: [8], w: [1, 2] }) });
    expect((await failure(c.readFloats("w"))).code).toBe("checkpoint/file-changed");
    await c.close();
  });
});
