/** Writing checkpoints: placement, completeness, atomic appearance, failures. */

import { constants, existsSync } from "node:fs";
import { access, chmod, mkdir, open, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import safetensors from "safetensors";
import { describe, expect, it } from "vitest";
import type { TensorSpec } from "../../daemon/checkpoint/index.ts";
import {
  CheckpointWriter,
  encodeFloats,
  openCheckpoint,
  outputError,
  planShards,
  writeSafetensors,
} from "../../daemon/checkpoint/index.ts";
import { entry, failure, fill, seeded, useTemporaryFolder } from "./support.ts";

const folder = useTemporaryFolder();
const out = (): string => join(folder(), "out");

const SPECS: readonly TensorSpec[] = [
  { name: "model.embed_tokens.weight", dtype: "BF16", shape: [6, 4] },
  { name: "model.norm.weight", dtype: "F32", shape: [4] },
  { name: "inv_freq", dtype: "F64", shape: [3] },
  { name: "ids", dtype: "I32", shape: [2, 3] },
  { name: "nothing", dtype: "F16", shape: [0, 7] },
  { name: "flag", dtype: "BOOL", shape: [] },
];

/** Content of each tensor: bytes from its name. */
function contentOf(name: string, bytes: number): Uint8Array {
  const random = seeded(Array.from(name).reduce((sum, c) => sum * 31 + c.charCodeAt(0), 7));
  return Uint8Array.from({ length: bytes }, () => random() * 256);
}

async function writeAll(
  dir: string,
  options: { maxShardBytes?: number; reverse?: boolean; piece?: number } = {},
): Promise<void> {
  const { maxShardBytes = 1e9, reverse = false, piece = 1e9 } = options;
  const plan = planShards(SPECS, { maxShardBytes, metadata: { note: "é" } });
  const writer = await CheckpointWriter.create(dir, plan);
  const pieces = [...plan.tensors.values()].flatMap(({ name, bytes }) => {
    const content = contentOf(name, bytes);
    const starts = Array.from({ length: Math.ceil(bytes / piece) }, (_, i) => i * piece);
    return starts.map((at) => ({ name, at, bytes: content.subarray(at, at + piece) }));
  });
  if (reverse) pieces.reverse();
  await Promise.all(pieces.map(({ name, at, bytes }) => writer.write(name, bytes, at)));
  await writer.writeFile("config.json", "{}\n");
  await writer.finish();
}

const contents = async (dir: string): Promise<Map<string, Buffer>> =>
  new Map(
    await Promise.all(
      (await readdir(dir)).sort().map(async (n) => [n, await readFile(join(dir, n))] as const),
    ),
  );

describe("a written checkpoint", () => {
  it.each([1e9, 40])("is read back, with at most %d bytes per shard", async (maxShardBytes) => {
    await writeAll(out(), { maxShardBytes });
    const c = await openCheckpoint(out());
    expect([...c.tensors.keys()].sort()).toEqual(SPECS.map((s) => s.name).sort());
    for (const { name, dtype, shape } of SPECS) {
      const t = c.tensors.get(name);
      expect([t?.dtype, t?.shape]).toEqual([dtype, shape]);
      expect(await c.readBytes(name)).toEqual(contentOf(name, t?.bytes ?? -1));
    }
    expect(c.metadata).toEqual({ format: "pt", note: "é" });
    expect(c.notes).toEqual([]);
    expect(c.config).toEqual({});
    await c.close();
  });

  it("has the same bytes whatever order and pieces the tensors came in", async () => {
    await writeAll(join(folder(), "a"), { maxShardBytes: 60 });
    await writeAll(join(folder(), "b"), { maxShardBytes: 60, reverse: true, piece: 5 });
    expect(await contents(join(folder(), "b"))).toEqual(await contents(join(folder(), "a")));
  });

  it("takes the space that was planned", async () => {
    const plan = planShards(SPECS, { maxShardBytes: 60, metadata: { note: "é" } });
    await writeAll(out(), { maxShardBytes: 60 });
    const files = [...(await contents(out()))].filter(([name]) => name !== "config.json");
    expect(files.reduce((sum, [, bytes]) => sum + bytes.length, 0)).toBe(plan.totalBytes);
  });

  it("replaces an empty folder and the remains of a killed run", async () => {
    await mkdir(out());
    await mkdir(join(folder(), ".out.partial"));
    await fill(join(folder(), ".out.partial"), { "model.safetensors": "half" });
    await writeAll(out());
    expect(await readdir(folder())).toEqual(["out"]);
    expect(await readdir(out())).toEqual(["config.json", "model.safetensors"]);
  });

  it("gets copies of other files that are writable even where the source is not", async () => {
    const source = join(folder(), "tokenizer.json");
    await writeFile(source, '{"a":1}');
    await chmod(source, 0o444);
    const writer = await CheckpointWriter.create(out(), planShards([]));
    await writer.copyFile(source);
    await writer.finish();
    const copy = join(out(), "tokenizer.json");
    expect(await readFile(copy, "utf8")).toBe('{"a":1}');
    expect((await stat(copy)).mode & constants.S_IWUSR).toBe(constants.S_IWUSR);
  });
});

describe("an unfinished checkpoint", () => {
  const create = (): Promise<CheckpointWriter> => CheckpointWriter.create(out(), planShards(SPECS));

  it("does not appear, and leaves nothing when given up", async () => {
    const writer = await create();
    await writer.write("flag", Uint8Array.of(1));
    expect(existsSync(out())).toBe(false);
    expect(existsSync(writer.staging)).toBe(true);
    await writer.abort();
    expect(await readdir(folder())).toEqual([]);
    expect((await failure(writer.finish())).code).toBe("checkpoint/writer-closed");
  });

  it("cannot be finished, and names the tensor", async () => {
    const writer = await create();
    for (const { name, bytes } of writer.plan.tensors.values()) {
      await writer.write(name, new Uint8Array(name === "ids" ? bytes - 3 : bytes));
    }
    const error = await failure(writer.finish());
    expect(error.code).toBe("checkpoint/incomplete");
    expect(error.message).toContain('"ids"');
    expect(error.message).toContain("3 bytes");
    await writer.write("ids", new Uint8Array(3), 21);
    expect(await writer.finish()).toBe(out());
  });

  it.each([
    ["unknown", 1, 0, "not-planned"],
    ["flag", 2, 0, "write-out-of-range"],
    ["flag", 1, 1, "write-out-of-range"],
    ["flag", 1, -1, "write-out-of-range"],
    ["flag", 1, 0.5, "write-out-of-range"],
  ])("refuses %s with %d bytes at %d", async (name, bytes, at, code) => {
    const writer = await create();
    const error = await failure(writer.write(name, new Uint8Array(bytes), at));
    expect(error.code).toBe(`checkpoint/${code}`);
    expect(error.message).toContain(name);
    await writer.abort();
  });

  it.each([
    [0, 10],
    [5, 1],
    [9, 3],
    [2, 6],
    [19, 2],
  ])("refuses bytes that came before: %d + %d", async (at, length) => {
    const writer = await create();
    await writer.write("ids", new Uint8Array(6), 4);
    await writer.write("ids", new Uint8Array(4), 16);
    await writer.write("ids", new Uint8Array(0), 5);
    const error = await failure(writer.write("ids", new Uint8Array(length), at));
    expect(error.code).toBe("checkpoint/written-twice");
    await writer.write("ids", new Uint8Array(4), 0);
    await writer.write("ids", new Uint8Array(6), 10);
    await writer.write("ids", new Uint8Array(4), 20);
    await writer.abort();
  });

  it("does not replace an output that appeared in the meantime", async () => {
    const writer = await CheckpointWriter.create(out(), planShards([]));
    await mkdir(out());
    await fill(out(), { precious: "work" });
    expect((await failure(writer.finish())).code).toBe("checkpoint/output-exists");
    expect(await readFile(join(out(), "precious"), "utf8")).toBe("work");
    await writer.abort();
  });
});

describe("the disk", () => {
  it("is asked for its space before anything is written", async () => {
    const huge: TensorSpec = { name: "w", dtype: "F64", shape: [2 ** 24, 2 ** 22] };
    const error = await failure(
      CheckpointWriter.create(out(), planShards([huge], { maxShardBytes: 1e18 })),
    );
    expect([error.code, error.kind]).toEqual(["checkpoint/disk-full", "failed"]);
    expect(error.message).toContain("563 TB are needed");
    expect(await readdir(folder())).toEqual([]);
  });

  it.skipIf(!existsSync("/dev/full"))(
    "when it fills up says what was needed (needs /dev/full)",
    async () => {
      const handle = await open("/dev/full", "w");
      const cause = await handle.write(new Uint8Array(10)).catch((e: unknown) => e);
      await handle.close();
      const error = outputError(out(), 26e9, cause);
      expect([error.code, error.kind]).toEqual(["checkpoint/disk-full", "failed"]);
      expect(error.message).toContain(out());
      expect(error.message).toContain("26 GB are needed");
      expect(error.cause).toBe(cause);
    },
  );

  it.each([
    ["ENOSPC", "disk-full", "failed"],
    ["EDQUOT", "disk-full", "failed"],
    ["EACCES", "output-read-only", "usage"],
    ["EPERM", "output-read-only", "usage"],
    ["EROFS", "output-read-only", "usage"],
    ["EIO", "write-failed", "failed"],
  ])("that says %s is reported as %s", (code, expected, kind) => {
    const error = outputError("/x", 1, Object.assign(new Error(code), { code }));
    expect([error.code, error.kind]).toEqual([`checkpoint/${expected}`, kind]);
    expect(error.message).toContain("/x");
  });

  it("that cannot be written to is reported by its path", async (context) => {
    const locked = join(folder(), "locked");
    await mkdir(locked, { mode: 0o555 });
    const open = await access(locked, constants.W_OK).then(
      () => true,
      () => false,
    );
    if (open) context.skip("this user may write anywhere");
    const error = await failure(CheckpointWriter.create(join(locked, "out"), planShards(SPECS)));
    expect(error.code).toBe("checkpoint/output-read-only");
    expect(error.message).toContain(locked);
  });

  it("with a file where the folder should be is reported", async () => {
    await fill(folder(), { file: "x" });
    const error = await failure(
      CheckpointWriter.create(join(folder(), "file/out"), planShards([])),
    );
    expect(error.message).toContain(join(folder(), "file/out"));
  });
});

describe("a work file", () => {
  const path = (): string => join(folder(), "layer-03.safetensors");

  it("is read back, and replaced as a whole", async () => {
    await writeSafetensors(path(), [
      { name: "old", dtype: "U8", shape: [1], data: Uint8Array.of(1) },
    ]);
    const r1 = Float32Array.of(0.6, -0.8, 0.8, 0.6);
    await writeSafetensors(
      path(),
      [
        {
          name: "w",
          dtype: "BF16",
          shape: [3],
          data: encodeFloats("BF16", Float32Array.of(1, 2, 3)),
        },
        { name: "r1", dtype: "F32", shape: [2, 2], data: encodeFloats("F32", r1) },
      ],
      { layer: "3" },
    );
    expect(await readdir(folder())).toEqual(["layer-03.safetensors"]);
    const c = await openCheckpoint(path());
    expect(c.metadata).toEqual({ layer: "3" });
    expect([...c.tensors.keys()].sort()).toEqual(["r1", "w"]);
    expect([...(await c.readFloats("r1"))]).toEqual([...r1]);
    expect([...(await c.readFloats("w"))]).toEqual([1, 2, 3]);
    await c.close();
  });

  it("is read alike by an independent reader", async () => {
    const tensors = [...planShards(SPECS).tensors.values()].map(
      ({ name, dtype, shape, bytes }) => ({
        name,
        dtype,
        shape,
        data: contentOf(name, bytes),
      }),
    );
    // Without metadata: that reader takes `__metadata__` for a tensor and fails.
    await writeSafetensors(path(), tensors);
    const theirs = new safetensors.SafeTensor(Uint8Array.from(await readFile(path())));
    expect([...theirs.metadata.keys()].sort()).toEqual(SPECS.map((s) => s.name).sort());
    for (const { name, dtype, shape, data } of tensors) {
      const info = theirs.metadata.get(name);
      expect([info?.dtype, info?.shape]).toEqual([dtype, shape]);
      expect(theirs.getTensor(name)).toEqual(data);
    }
  });

  it("has exactly the bytes of the format", async () => {
    await writeSafetensors(path(), [
      { name: "w", dtype: "U8", shape: [3], data: Uint8Array.of(7, 8, 9) },
    ]);
    const json = JSON.stringify({ w: entry("U8", [3], 0, 3) }).padEnd(56);
    expect(await readFile(path())).toEqual(
      Buffer.concat([Buffer.of(56, 0, 0, 0, 0, 0, 0, 0), Buffer.from(json), Buffer.of(7, 8, 9)]),
    );
  });

  it("of the wrong size is refused and leaves the old one", async () => {
    await writeFile(path(), "old");
    const error = await failure(
      writeSafetensors(path(), [{ name: "w", dtype: "F32", shape: [2], data: new Uint8Array(7) }]),
    );
    expect(error.code).toBe("checkpoint/write-out-of-range");
    expect(await readFile(path(), "utf8")).toBe("old");
    expect(await readdir(folder())).toHaveLength(1);
  });

  it("in a folder that is not there is refused", async () => {
    const missing = join(folder(), "none", "x.safetensors");
    const error = await failure(writeSafetensors(missing, []));
    expect(error.message).toContain(missing);
  });
});
