/** Which files a path means, what is refused, and how shards become one table. */

import { execFileSync } from "node:child_process";
import { mkdir, readdir, rm, symlink } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Checkpoint } from "../../daemon/checkpoint/index.ts";
import { openCheckpoint } from "../../daemon/checkpoint/index.ts";
import { f32File, failure, fill, useTemporaryFolder } from "./support.ts";

const folder = useTemporaryFolder();
const INDEX = "model.safetensors.index.json";
const S1 = "model-00001-of-00002.safetensors";
const S2 = "model-00002-of-00002.safetensors";

const index = (weightMap: unknown): string => JSON.stringify({ weight_map: weightMap });

async function codeOf(name: string): Promise<string> {
  const error = await failure(openCheckpoint(join(folder(), name)));
  expect(error.kind).toBe("input");
  expect(error.message).toContain(folder());
  return error.code;
}

async function withCheckpoint<T>(
  name: string,
  look: (checkpoint: Checkpoint) => T | Promise<T>,
): Promise<T> {
  const checkpoint = await openCheckpoint(join(folder(), name));
  try {
    return await look(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

const namesOf = (name: string): Promise<string[]> =>
  withCheckpoint(name, (c) => [...c.tensors.keys()].sort());

describe("a path", () => {
  it.each(["", "config.json", "model.safetensors"])("may be %j", async (name) => {
    await fill(folder(), {
      "model.safetensors": f32File({ w: [1, 2] }, { format: "pt" }),
      "config.json": '{"model_type":"llama"}',
    });
    await withCheckpoint(name, async (c) => {
      expect(c.root).toBe(folder());
      expect(c.config).toEqual({ model_type: "llama" });
      expect(c.metadata).toEqual({ format: "pt" });
      expect(c.notes).toEqual([]);
      expect([...(await c.readFloats("w"))]).toEqual([1, 2]);
    });
  });

  it.each(["", INDEX, "config.json"])("may be a sharded checkpoint's %j", async (name) => {
    await fill(folder(), {
      [S1]: f32File({ a: [1], b: [2, 3] }, { format: "pt", from: "one" }),
      [S2]: f32File({ c: [4] }, { from: "two" }),
      [INDEX]: index({ c: S2, a: S1, b: S1 }),
      "config.json": "{}",
    });
    await withCheckpoint(name, async (c) => {
      expect(c.files.map((f) => f.path)).toEqual([join(folder(), S1), join(folder(), S2)]);
      expect([...c.tensors.keys()]).toEqual(["a", "b", "c"]);
      expect(c.metadata).toEqual({ format: "pt", from: "one" });
      expect([...(await c.readFloats("b"))]).toEqual([2, 3]);
      expect([...(await c.readFloats("c"))]).toEqual([4]);
      expect(c.tensors.get("c")?.file).toBe(join(folder(), S2));
    });
  });

  it("may be one shard, and a folder without config.json has none", async () => {
    await fill(folder(), { [S1]: f32File({ a: [1] }), [INDEX]: index({ a: S1, b: S2 }) });
    await withCheckpoint(S1, (c) => {
      expect(c.config).toBeNull();
      expect([...c.tensors.keys()]).toEqual(["a"]);
    });
  });

  it("prefers the single file to the index, as transformers does", async () => {
    await fill(folder(), {
      "model.safetensors": f32File({ single: [1] }),
      [S1]: f32File({ sharded: [1] }),
      [INDEX]: index({ sharded: S1 }),
    });
    expect(await namesOf("")).toEqual(["single"]);
  });

  it("prefers safetensors to the pickle beside it, and takes an only file of another name", async () => {
    await fill(folder(), {
      "pytorch_model.bin": "pickle",
      "adapter.safetensors": f32File({ a: [1] }),
    });
    expect(await namesOf("")).toEqual(["a"]);
    await fill(folder(), {
      "x.safetensors.index.json": index({ a: "adapter.safetensors" }),
      "other.safetensors": f32File({ b: [1] }),
    });
    expect(await namesOf("")).toEqual(["a"]);
  });

  it("may be a link into a cache elsewhere", async () => {
    await mkdir(join(folder(), "blobs"));
    await mkdir(join(folder(), "snapshot"));
    await fill(join(folder(), "blobs"), { abc: f32File({ w: [5] }) });
    await symlink("../blobs/abc", join(folder(), "snapshot/model.safetensors"));
    expect(await namesOf("snapshot")).toEqual(["w"]);
  });

  it("must exist", async () => {
    expect(await codeOf("nowhere")).toBe("checkpoint/not-found");
    await fill(folder(), { "config.json": "{}" });
    expect(await codeOf("config.json/model.safetensors")).toBe("checkpoint/not-found");
  });

  it("must be one of the four kinds", async () => {
    await fill(folder(), { "model.gguf": "GGUF" });
    expect(await codeOf("model.gguf")).toBe("checkpoint/unsupported-path");
  });

  it("must hold weights", async () => {
    await fill(folder(), { "config.json": "{}", "readme.md": "" });
    expect(await codeOf("")).toBe("checkpoint/no-weights");
  });

  it("must say how several files belong together", async () => {
    await fill(folder(), { [S1]: f32File({ a: [1] }), [S2]: f32File({ b: [1] }) });
    expect(await codeOf("")).toBe("checkpoint/ambiguous-weights");
  });

  it("must not be a Git LFS pointer", async () => {
    const text = "version https://git-lfs.example/spec/v1\noid sha256:4d7a\nsize 12345\n";
    await fill(folder(), { "model.safetensors": text });
    expect(await codeOf("")).toBe("checkpoint/lfs-pointer");
  });

  it.each(["", "x", "1234567"])("must not be as short as %j", async (content) => {
    await fill(folder(), { "model.safetensors": content });
    expect(await codeOf("")).toBe("checkpoint/truncated");
  });

  it("must be a file where it is named like one", async () => {
    await mkdir(join(folder(), "model.safetensors"));
    expect(await codeOf("")).toBe("checkpoint/not-a-file");
  });

  it("must not be a pipe, which would be waited for", async () => {
    execFileSync("mkfifo", [join(folder(), "model.safetensors")]);
    expect(await codeOf("")).toBe("checkpoint/not-a-file");
    await rm(join(folder(), "model.safetensors"));
    await fill(folder(), { "model.safetensors": f32File({ w: [1] }) });
    execFileSync("mkfifo", [join(folder(), "config.json")]);
    expect(await codeOf("")).toBe("checkpoint/not-a-file");
  });

  it("must not be a socket, which cannot be opened", async () => {
    const server = createServer();
    await new Promise<void>((listening) => {
      server.listen(join(folder(), "model.safetensors"), listening);
    });
    expect(await codeOf("")).toBe("checkpoint/not-a-file");
    await new Promise((closed) => server.close(closed));
  });

  it("must not be empty, which would be the current folder", async () => {
    expect((await failure(openCheckpoint(""))).code).toBe("checkpoint/not-found");
  });

  it("must not be a model in the hub's cache, but one of its revisions", async () => {
    const revision = join(folder(), "snapshots", "abc");
    await mkdir(revision, { recursive: true });
    await fill(revision, { "model.safetensors": f32File({ w: [1] }) });
    expect(await codeOf("")).toBe("checkpoint/hub-cache");
    await (await openCheckpoint(revision)).close();
  });

  it("must have a readable configuration", async () => {
    await fill(folder(), { "model.safetensors": f32File({ w: [1] }), "config.json": "{,}" });
    expect(await codeOf("")).toBe("checkpoint/config-not-json");
    await fill(folder(), { "config.json": `"${"x".repeat(17 * 2 ** 20)}"` });
    expect(await codeOf("")).toBe("checkpoint/json-too-large");
  });
});

describe("pickles", () => {
  const PICKLES = [
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "consolidated.00.pth",
    "model.pt",
    "last.ckpt",
  ];

  it.each(PICKLES)("are refused with the way out: %s", async (name) => {
    await fill(folder(), { [name]: "x", "config.json": "{}" });
    expect(await codeOf(name)).toBe("checkpoint/pickle");
    const error = await failure(openCheckpoint(folder()));
    expect(error.code).toBe("checkpoint/pickle");
    expect(error.message).toContain(name);
    expect(error.message).toMatch(/run any code/);
    expect(error.message).toMatch(/safe_serialization=True/);
  });

  it("are refused as shards", async () => {
    await fill(folder(), { [INDEX]: index({ w: "pytorch_model-00001.bin" }) });
    expect(await codeOf("")).toBe("checkpoint/pickle");
  });
});

describe("an index", () => {
  it.each([
    ["{", "index-not-json"],
    ["[]", "index-malformed"],
    ["{}", "index-malformed"],
    ['{"weight_map":[]}', "index-malformed"],
    ['{"weight_map":{}}', "index-malformed"],
    ['{"weight_map":{"w":3}}', "index-malformed"],
    [`{"weight_map":${"[".repeat(100)}`, "index-malformed"],
    [`{"weight_map":{"w":"${S1}","w":"${S2}"}}`, "duplicate-name"],
  ])("may not be %.40s", async (text, code) => {
    await fill(folder(), { [INDEX]: text });
    expect(await codeOf("")).toBe(`checkpoint/${code}`);
  });

  it.each([
    "../model.safetensors",
    "a/../../model.safetensors",
    "/etc/model.safetensors",
    "C:\\model.safetensors",
    "c:model.safetensors",
    "..\\model.safetensors",
    "..",
    ".",
    "",
    "a\0b",
  ])("may not lead outside: %j", async (shard) => {
    await fill(folder(), { [INDEX]: index({ w: shard }) });
    const error = await failure(openCheckpoint(folder()));
    expect(error.code).toBe("checkpoint/shard-outside");
    expect(error.message).toContain('"w"');
  });

  it("may name a subfolder", async () => {
    await mkdir(join(folder(), "shards"));
    await fill(join(folder(), "shards"), { "a.safetensors": f32File({ w: [1] }) });
    await fill(folder(), { [INDEX]: index({ w: "./shards/a.safetensors" }) });
    expect(await namesOf("")).toEqual(["w"]);
  });

  it("must name shards that are there", async () => {
    await fill(folder(), { [S1]: f32File({ a: [1] }), [INDEX]: index({ a: S1, b: S2 }) });
    const error = await failure(openCheckpoint(folder()));
    expect(error.code).toBe("checkpoint/shard-missing");
    expect(error.message).toContain(S2);
    expect(error.message).toContain('"b"');
  });

  it("must name tensors that are in their shard", async () => {
    await fill(folder(), {
      [S1]: f32File({ a: [1] }),
      [S2]: f32File({ b: [1] }),
      [INDEX]: index({ a: S1, b: S1, c: S2 }),
    });
    const error = await failure(openCheckpoint(folder()));
    expect(error.code).toBe("checkpoint/not-in-shard");
    expect(error.message).toContain(S1);
    expect(error.message).toContain('"b"');
  });

  it("decides between two copies of a tensor, with a note", async () => {
    await fill(folder(), {
      [S1]: f32File({ a: [1], w: [1] }),
      [S2]: f32File({ w: [2], z: [0] }),
      [INDEX]: index({ a: S1, w: S2, z: S2 }),
    });
    await withCheckpoint("", async (c) => {
      expect([...(await c.readFloats("w"))]).toEqual([2]);
      expect(c.notes).toHaveLength(1);
      expect(c.notes[0]).toContain('"w"');
    });
  });

  it("keeps a tensor that it does not list, with a note", async () => {
    await fill(folder(), { [S1]: f32File({ a: [1], extra: [7] }), [INDEX]: index({ a: S1 }) });
    await withCheckpoint("", async (c) => {
      expect([...(await c.readFloats("extra"))]).toEqual([7]);
      expect(c.notes).toHaveLength(1);
      expect(c.notes[0]).toContain("extra");
    });
  });

  it("must list a tensor that is in two shards", async () => {
    await fill(folder(), {
      [S1]: f32File({ a: [1], extra: [7] }),
      [S2]: f32File({ b: [1], extra: [8] }),
      [INDEX]: index({ a: S1, b: S2 }),
    });
    const error = await failure(openCheckpoint(folder()));
    expect(error.code).toBe("checkpoint/in-two-shards");
    expect(error.message).toContain('"extra"');
  });

  it("reports the damaged shard by name", async () => {
    await fill(folder(), {
      [S1]: f32File({ a: [1] }),
      [S2]: f32File({ b: [1, 2, 3] }).subarray(0, -5),
      [INDEX]: index({ a: S1, b: S2 }),
    });
    const error = await failure(openCheckpoint(folder()));
    expect(error.code).toBe("checkpoint/truncated");
    expect(error.message).toContain(S2);
    expect(error.message).toContain('"b"');
  });
});

describe("opening", () => {
  it("can be cancelled", async () => {
    await fill(folder(), { [S1]: f32File({ a: [1] }), [INDEX]: index({ a: S1 }) });
    const error = await failure(openCheckpoint(folder(), { signal: AbortSignal.abort() }));
    expect([error.code, error.kind]).toEqual(["checkpoint/cancelled", "cancelled"]);
  });

  it("writes nothing into the folder", async () => {
    await fill(folder(), { "model.safetensors": f32File({ w: [1] }) });
    await withCheckpoint("", (c) => c.readFloats("w"));
    expect(await readdir(folder())).toEqual(["model.safetensors"]);
  });
});
