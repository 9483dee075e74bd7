/** The layout of an output: what the format and Hugging Face expect, computed by hand. */

import { describe, expect, it } from "vitest";
import type { TensorSpec } from "../../daemon/checkpoint/index.ts";
import { parseSize, planShards } from "../../daemon/checkpoint/index.ts";
import { failure } from "./support.ts";

const f32 = (name: string, ...shape: number[]): TensorSpec => ({ name, dtype: "F32", shape });

const headerText = (head: Uint8Array | undefined): string =>
  Buffer.from(head ?? []).toString("utf8", 8);

describe("one file", () => {
  it("has the bytes of the reference implementation", () => {
    const plan = planShards([
      { name: "b", dtype: "BF16", shape: [2, 2] },
      { name: "z", dtype: "F32", shape: [1] },
      { name: "a", dtype: "BF16", shape: [] },
      { name: "m", dtype: "BOOL", shape: [3] },
      { name: "i", dtype: "I64", shape: [0] },
    ]);
    // By hand: wide types first, then by name, compact JSON, spaces up to a multiple of 8.
    const json =
      '{"__metadata__":{"format":"pt"},' +
      '"i":{"dtype":"I64","shape":[0],"data_offsets":[0,0]},' +
      '"z":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},' +
      '"a":{"dtype":"BF16","shape":[],"data_offsets":[4,6]},' +
      '"b":{"dtype":"BF16","shape":[2,2],"data_offsets":[6,14]},' +
      '"m":{"dtype":"BOOL","shape":[3],"data_offsets":[14,17]}}';
    const [file] = plan.files;
    expect(headerText(file?.head).trimEnd()).toBe(json);
    expect(file?.head.byteLength).toBe(8 + Math.ceil(json.length / 8) * 8);
    expect(Buffer.from(file?.head ?? []).readBigUInt64LE()).toBe(
      BigInt((file?.head.byteLength ?? 0) - 8),
    );
    expect(file?.name).toBe("model.safetensors");
    expect(plan.index).toBeNull();
    expect(plan.tensorBytes).toBe(17);
    expect(plan.totalBytes).toBe((file?.head.byteLength ?? 0) + 17);
    expect(plan.tensors.get("b")?.offset).toBe((file?.head.byteLength ?? 0) + 6);
  });

  it("keeps every tensor at a multiple of its element size", () => {
    const sizes = { F64: 8, F32: 4, F16: 2, U8: 1, I64: 8, BF16: 2 } as const;
    const specs = Object.keys(sizes).flatMap((dtype, i) =>
      [1, 3, 5].map((n) => ({
        name: `${dtype}.${"x".repeat(i + n)}`,
        dtype: dtype as keyof typeof sizes,
        shape: [n],
      })),
    );
    for (const t of planShards(specs).tensors.values()) {
      expect(t.offset % sizes[t.dtype as keyof typeof sizes], t.name).toBe(0);
    }
  });

  it("does not depend on the order of tensors or metadata", () => {
    const specs = [f32("0", 2), f32("10", 3), f32("9", 1), f32("é", 1), f32("__proto__", 1)];
    const one = planShards(specs, { metadata: { a: "1", b: "2" } });
    const two = planShards(specs.toReversed(), { metadata: { b: "2", a: "1" } });
    expect(two.files[0]?.head).toEqual(one.files[0]?.head);
    expect(headerText(one.files[0]?.head)).toContain('{"a":"1","b":"2","format":"pt"}');
  });

  it("keeps a format that is given", () => {
    const plan = planShards([f32("w", 1)], { metadata: { format: "mlx" } });
    expect(headerText(plan.files[0]?.head)).toContain('{"format":"mlx"}');
  });
});

describe("shards", () => {
  it("are filled in the given order; a tensor larger than a shard gets its own", () => {
    // Sizes 40, 40, 400, 16, 8 with at most 100 per shard: c stands alone and does not close [a b], which d joins.
    const plan = planShards([f32("a", 10), f32("b", 10), f32("c", 100), f32("d", 4), f32("e", 2)], {
      maxShardBytes: 100,
    });
    const inFile = (i: number): string[] =>
      [...plan.tensors.values()]
        .filter((t) => t.file === plan.files[i]?.name)
        .map((t) => t.name)
        .sort();
    expect(plan.files.map((f) => f.name)).toEqual([
      "model-00001-of-00003.safetensors",
      "model-00002-of-00003.safetensors",
      "model-00003-of-00003.safetensors",
    ]);
    expect([inFile(0), inFile(1), inFile(2)]).toEqual([["c"], ["a", "b", "d"], ["e"]]);
    expect(plan.index).toBe(
      `${JSON.stringify(
        {
          metadata: { total_size: 504 },
          weight_map: {
            a: "model-00002-of-00003.safetensors",
            b: "model-00002-of-00003.safetensors",
            c: "model-00001-of-00003.safetensors",
            d: "model-00002-of-00003.safetensors",
            e: "model-00003-of-00003.safetensors",
          },
        },
        null,
        2,
      )}\n`,
    );
  });

  it("hold exactly the limit", () => {
    const specs = [f32("a", 25), f32("b", 25), f32("c", 25)];
    expect(planShards(specs, { maxShardBytes: 200 }).files).toHaveLength(2);
    expect(planShards(specs, { maxShardBytes: 300 }).files).toHaveLength(1);
  });

  it("of a 140 GB model are planned from sizes alone", () => {
    const specs = Array.from({ length: 560 }, (_, i) => ({
      name: `model.layers.${i}.weight`,
      dtype: "BF16" as const,
      shape: [8192, 15259],
    }));
    const plan = planShards(specs);
    expect(plan.tensorBytes).toBe(560 * 8192 * 15259 * 2);
    expect(plan.files.every((f) => f.bytes - f.head.byteLength <= 5e9)).toBe(true);
    expect(plan.files.length).toBe(Math.ceil(560 / Math.floor(5e9 / (8192 * 15259 * 2))));
  });
});

describe("a plan is refused", () => {
  it.each([
    [[f32("w", 1), f32("w", 2)], "plan-duplicate"],
    [[f32("__metadata__", 1)], "plan-duplicate"],
    [[f32("w", -1)], "plan-shape"],
    [[f32("w", 1.5)], "plan-shape"],
    [[f32("w", 2 ** 30, 2 ** 30)], "plan-shape"],
    [[{ name: "w", dtype: "F4", shape: [3] } as const], "plan-shape"],
  ])("for %j", async (specs, code) => {
    expect((await failure(() => planShards(specs))).code).toBe(`checkpoint/${code}`);
  });

  it("for a header beyond the format's limit", async () => {
    const long = "n".repeat(30_000_000);
    const specs = ["a", "b", "c", "d"].map((p) => f32(p + long, 1));
    expect((await failure(() => planShards(specs))).code).toBe("checkpoint/plan-header-too-large");
  });
});

describe("sizes", () => {
  it.each([
    ["5GB", 5e9],
    ["500 MB", 5e8],
    ["1.5kb", 1500],
    ["2GiB", 2 ** 31],
    ["1tib", 2 ** 40],
    ["12345", 12345],
    ["7B", 7],
  ])("%s", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each(["", "GB", "-1GB", "0", "5XB", "1e9", "5 GB 3", "0x10", "99999999TB", "constructor"])(
    "refuses %j",
    async (text) => {
      const error = await failure(() => parseSize(text));
      expect([error.code, error.kind]).toEqual(["checkpoint/bad-size", "usage"]);
    },
  );
});
