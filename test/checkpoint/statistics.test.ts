/** Statistics and N:M detection, against values computed from the whole array in float64. */

import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Checkpoint, DType, TensorStatistics } from "../../daemon/checkpoint/index.ts";
import {
  countZeros,
  encodeFloats,
  openCheckpoint,
  tensorStatistics,
  writeSafetensors,
} from "../../daemon/checkpoint/index.ts";
import { patternName } from "../../daemon/vocabulary.ts";
import { failure, seeded, useTemporaryFolder } from "./support.ts";

const folder = useTemporaryFolder();

async function withTensor<T>(
  dtype: DType,
  shape: readonly number[],
  data: Uint8Array,
  look: (checkpoint: Checkpoint) => Promise<T>,
): Promise<T> {
  const path = join(folder(), "t.safetensors");
  await writeSafetensors(path, [{ name: "w", dtype, shape, data }]);
  const checkpoint = await openCheckpoint(path);
  try {
    return await look(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

const statistics = (
  dtype: DType,
  shape: readonly number[],
  data: Uint8Array,
): Promise<TensorStatistics> => withTensor(dtype, shape, data, (c) => tensorStatistics(c, "w"));

const bytesOf = (values: ArrayBufferView<ArrayBuffer>): Uint8Array => new Uint8Array(values.buffer);

const patternOf = async (
  shape: readonly number[],
  value: (i: number) => number,
): Promise<string | null> => {
  const count = shape.reduce((a, b) => a * b, 1);
  const values = Float32Array.from({ length: count }, (_, i) => value(i));
  const { pattern } = await statistics("F32", shape, encodeFloats("F32", values));
  return pattern && patternName(pattern);
};

describe("moments", () => {
  it("of a small tensor, by hand", async () => {
    const values = Float32Array.of(1, 2, 3, 0, -0, -6, NaN, Infinity, -Infinity);
    expect(await statistics("F32", [3, 3], bytesOf(values))).toEqual({
      count: 9,
      zeros: 2,
      zerosFraction: 2 / 9,
      nan: 1,
      inf: 2,
      min: -6,
      max: 3,
      mean: 0,
      std: Math.sqrt(50 / 6),
      pattern: null,
    });
  });

  it("over several chunks equal those of the whole, even far from zero", async () => {
    const count = 2 ** 21 + 12345;
    const random = seeded(3);
    const values = Float64Array.from({ length: count }, (_, i) => 1e6 + random() + i / count);
    const mean = values.reduce((a, b) => a + (b - 1e6), 0) / count + 1e6;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / count;
    const result = await statistics("F64", [count], bytesOf(values));
    expect(result.mean).toBeCloseTo(mean, 6);
    expect((result.std ?? NaN) / Math.sqrt(variance)).toBeCloseTo(1, 6);
    expect(result.min).toBe(values.reduce((a, b) => Math.min(a, b)));
    expect(result.max).toBe(values.reduce((a, b) => Math.max(a, b)));
  });

  it.each([
    ["BOOL", Uint8Array.of(0, 1, 1), 1],
    ["U8", Uint8Array.of(0, 255, 1), 255],
    ["I8", Int8Array.of(0, -128, 5), 5],
    ["I16", Int16Array.of(0, -300, 300), 300],
    ["U16", Uint16Array.of(0, 1, 65535), 65535],
    ["I32", Int32Array.of(0, -1, 2 ** 31 - 1), 2 ** 31 - 1],
    ["U32", Uint32Array.of(0, 1, 2 ** 32 - 1), 2 ** 32 - 1],
    ["I64", BigInt64Array.of(0n, -5n, 2n ** 40n), 2 ** 40],
    ["U64", BigUint64Array.of(0n, 5n, 2n ** 63n), 2 ** 63],
    ["F16", Uint16Array.of(0x8000, 0x3c00, 0xc000), 1],
    ["F8_E4M3", Uint8Array.of(0x80, 0x7e, 0xfe), 448],
  ] as const)("of %s", async (dtype, values, max) => {
    const result = await statistics(dtype, [3], bytesOf(values));
    expect([result.count, result.zeros, result.max]).toEqual([3, 1, max]);
  });

  it("of a tensor without finite values are null", async () => {
    const nothing = { min: null, max: null, mean: null, std: null, pattern: null };
    expect(await statistics("F32", [0, 4], new Uint8Array(0))).toMatchObject({
      ...nothing,
      count: 0,
      zerosFraction: 0,
    });
    expect(await statistics("F32", [2], bytesOf(Float32Array.of(NaN, NaN)))).toMatchObject({
      ...nothing,
      nan: 2,
    });
  });

  it.each(["F4", "F6_E2M3", "F6_E3M2", "C64"] as const)("of %s are refused", async (dtype) => {
    const data = new Uint8Array({ F4: 2, F6_E2M3: 3, F6_E3M2: 3, C64: 32 }[dtype]);
    const error = await failure(statistics(dtype, [4], data));
    expect(error.code).toBe("checkpoint/no-statistics");
    expect(error.message).toContain('"w"');
  });

  it("can be cancelled, and name an unknown tensor", async () => {
    await withTensor("U8", [1], Uint8Array.of(1), async (c) => {
      const cancelled = await failure(tensorStatistics(c, "w", { signal: AbortSignal.abort() }));
      expect([cancelled.code, cancelled.kind]).toEqual(["checkpoint/cancelled", "cancelled"]);
      const unknown = await failure(tensorStatistics(c, "v"));
      expect(unknown.code).toBe("checkpoint/no-such-tensor");
    });
  });

  it("stop between chunks when cancelled", async () => {
    const count = 5 * 2 ** 20;
    await withTensor("U8", [count], new Uint8Array(count), async (c) => {
      const controller = new AbortController();
      const reads: number[] = [];
      const watched: Checkpoint = {
        ...c,
        tensors: c.tensors,
        readBytes: (name, start, end) => {
          reads.push((end ?? 0) - (start ?? 0));
          if (reads.length === 2) controller.abort();
          return c.readBytes(name, start, end);
        },
        readFloats: (name, rows) => c.readFloats(name, rows),
        close: () => c.close(),
      };
      const error = await failure(tensorStatistics(watched, "w", { signal: controller.signal }));
      expect(error.code).toBe("checkpoint/cancelled");
      expect(reads).toHaveLength(2);
      expect(Math.max(...reads)).toBeLessThanOrEqual(16 * 2 ** 20);
    });
  });
});

describe("the pattern", () => {
  /** Keeps the first N of every M, at rotating places. */
  const keep =
    (n: number, m: number) =>
    (i: number): number =>
      ((i % m) + Math.floor(i / m)) % m < n ? 1 + (i % 7) : 0;

  it.each([
    [1, 2],
    [1, 4],
    [2, 4],
    [3, 4],
    [1, 8],
    [2, 8],
    [3, 8],
    [4, 8],
    [6, 8],
    [4, 16],
    [8, 16],
    [12, 16],
  ])("%d:%d is found, at any group offset", async (n, m) => {
    // Adjacent runs of rotating phase break every finer grouping.
    expect(await patternOf([8, 64], keep(n, m))).toBe(`${n}:${m}`);
  });

  it("is 2:4 although every 2:4 matrix is also 4:8 and 8:16", async () => {
    const random = seeded(5);
    let kept: number[] = [];
    const value = (i: number): number => {
      if (i % 4 === 0) {
        const a = Math.floor(random() * 4);
        kept = [a, (a + 1 + Math.floor(random() * 3)) % 4];
      }
      return kept.includes(i % 4) ? random() + 0.1 : 0;
    };
    expect(await patternOf([64, 256], value)).toBe("2:4");
  });

  it("is 2:4 with further zeros, whole rows included", async () => {
    expect(await patternOf([8, 64], (i) => (i < 320 || i % 8 === 0 ? 0 : keep(2, 4)(i)))).toBe(
      "2:4",
    );
  });

  it("holds over all chunks of a long matrix", async () => {
    const columns = 1040;
    const rows = 1100;
    expect(await patternOf([rows, columns], keep(2, 4))).toBe("2:4");
    const last = rows * columns - 1;
    expect(await patternOf([rows, columns], (i) => (i >= last - 3 ? 1 : keep(2, 4)(i)))).toBeNull();
  });

  it("is none for dense matrices, vectors and all-zero matrices", async () => {
    expect(await patternOf([4, 16], () => 1)).toBeNull();
    expect(await patternOf([64], keep(2, 4))).toBeNull();
    expect(await patternOf([4, 16], () => 0)).toBeNull();
    expect(await patternOf([0, 16], () => 0)).toBeNull();
    expect(await patternOf([16, 0], () => 0)).toBeNull();
  });

  it("is none for unstructured sparsity", async () => {
    const random = seeded(11);
    expect(await patternOf([64, 512], () => (random() < 0.5 ? 0 : 1))).toBeNull();
    expect(await patternOf([16, 64], () => (random() < 0.5 ? 0 : 1))).toBeNull();
  });

  it("is only looked for in groups that divide the row", async () => {
    // 2:4 over the flattened values, but rows of 6 cut the groups.
    expect(await patternOf([4, 6], (i) => (i % 4 < 2 ? 1 : 0))).toBeNull();
    expect(await patternOf([4, 6], (i) => (i % 2 === 0 ? 1 : 0))).toBe("1:2");
  });

  it("does not count NaN as zero", async () => {
    expect(await patternOf([4, 16], (i) => (i % 4 < 2 ? NaN : 0))).toBe("2:4");
  });
});

describe("countZeros", () => {
  it.each(["F64", "F32", "F16", "BF16"] as const)(
    "finds as many zeros of either sign as the statistics do in %s, over several chunks",
    async (dtype) => {
      const random = seeded(3);
      const count = 2 ** 21 + 5;
      const values = Float32Array.from({ length: count }, () => {
        const x = random();
        return x < 0.3 ? 0 : x < 0.4 ? -0 : x < 0.5 ? NaN : x - 0.7;
      });
      await withTensor(dtype, [count], encodeFloats(dtype, values), async (c) => {
        const { zeros } = await tensorStatistics(c, "w");
        expect(await countZeros(c, "w")).toBe(zeros);
        expect(zeros).toBeGreaterThan(count / 3);
      });
    },
  );

  it("refuses what is no weight, and stops when it is told to", async () => {
    await withTensor("I8", [2], Uint8Array.of(0, 1), async (c) => {
      expect((await failure(countZeros(c, "w"))).code).toBe("checkpoint/not-float");
      expect((await failure(countZeros(c, "v"))).code).toBe("checkpoint/no-such-tensor");
    });
    await withTensor("F32", [1], new Uint8Array(4), async (c) => {
      const { code } = await failure(countZeros(c, "w", { signal: AbortSignal.abort() }));
      expect(code).toBe("checkpoint/cancelled");
    });
  });
});
