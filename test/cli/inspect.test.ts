/** `inspect` on real files of every kind of content. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCli } from "../../daemon/cli/index.ts";
import { writeSafetensors } from "../../daemon/checkpoint/index.ts";
import { CONTROL, fakeEngine, fakeIo } from "./harness.ts";

let folder: string;
let file: string;

const bytes = (values: Float32Array) => new Uint8Array(values.buffer);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "denoise-inspect-"));
  file = join(folder, "model.safetensors");
  await writeSafetensors(
    file,
    [
      {
        name: "blocks.0.w",
        dtype: "F32",
        shape: [2, 8],
        data: bytes(Float32Array.of(1, 0, 2, 0, 0, 3, 4, 0, 0, 0, 5, 6, 7, 8, 0, 0)),
      },
      {
        name: "blocks.1.w",
        dtype: "F32",
        shape: [2, 8],
        data: bytes(Float32Array.of(1, 0, 2, 0, 0, 3, 4, 0, 0, 0, 5, 6, 7, 8, 0, 0)),
      },
      { name: "ids", dtype: "I64", shape: [2], data: new Uint8Array(16) },
      { name: "packed", dtype: "F4", shape: [4], data: new Uint8Array(2) },
      { name: "bad", dtype: "F32", shape: [2], data: bytes(Float32Array.of(NaN, Infinity)) },
      { name: "scalar", dtype: "F32", shape: [], data: bytes(Float32Array.of(2)) },
      { name: "empty", dtype: "F32", shape: [0, 4], data: new Uint8Array(0) },
    ],
    { note: "tab\there" },
  );
});

afterAll(() => rm(folder, { recursive: true }));

async function inspect(...argv: string[]): Promise<string> {
  const io = fakeIo();
  expect(await runCli(["inspect", file, ...argv], io, fakeEngine({})), io.err()).toBe(0);
  return io.out();
}

test("people see one row for a tensor of all layers, and no control characters", async () => {
  const text = await inspect();
  expect(text).not.toMatch(CONTROL);
  expect(text).toMatch(/blocks\.\{0–1\}\.w +2 +F32 +2 × 8 +128 bytes +50\.00 % +2:4/);
  expect(text).toMatch(/bad +1 +F32 +2 +8 bytes +0 +2 NaN or Inf/);
  expect(text).toMatch(/packed +1 +F4 +4 +2 bytes\n/);
  expect(text).toMatch(/scalar +1 +F32 +scalar/);
  expect(text).toContain("note: tab\\u0009here");
});

test("--all shows each", async () => {
  const text = await inspect("--all");
  expect(text).toMatch(/blocks\.0\.w +F32/);
  expect(text).toMatch(/blocks\.1\.w +F32/);
});

test("programs get every tensor", async () => {
  const { tensors } = JSON.parse(await inspect("--json")) as { tensors: unknown[] };
  expect(tensors).toHaveLength(7);
  expect(tensors).toContainEqual({
    name: "blocks.0.w",
    dtype: "F32",
    shape: [2, 8],
    bytes: 64,
    zeros: 0.5,
    pattern: "2:4",
  });
  expect(tensors).toContainEqual({
    name: "packed",
    dtype: "F4",
    shape: [4],
    bytes: 2,
    zeros: null,
    pattern: null,
  });
});

test("--no-statistics reads no data", async () => {
  expect(await inspect("--no-statistics")).toContain("--statistics reads the data");
  const { tensors } = JSON.parse(await inspect("--no-statistics", "--json")) as {
    tensors: { zeros: unknown }[];
  };
  expect(new Set(tensors.map(({ zeros }) => zeros))).toEqual(new Set([null]));
});

describe("--tensor", () => {
  test("figures and histogram of the values that are not zero", async () => {
    const { statistics, histogram } = JSON.parse(
      await inspect("--tensor", "blocks.0.w", "--json"),
    ) as {
      statistics: Record<string, unknown>;
      histogram: { edges: number[]; counts: number[] };
    };
    // 1 … 8 once each and eight zeros: mean 36/16, variance 204/16 − 2.25².
    expect(statistics).toMatchObject({
      count: 16,
      zeros: 8,
      min: 0,
      max: 8,
      mean: 2.25,
      pattern: "2:4",
    });
    expect(statistics.std).toBeCloseTo(Math.sqrt(204 / 16 - 2.25 ** 2), 12);
    expect(histogram.edges).toHaveLength(histogram.counts.length + 1);
    expect([histogram.edges[0], histogram.edges.at(-1)]).toEqual([0, 8]);
    for (const value of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const bin = Math.min(
        histogram.counts.length - 1,
        Math.floor((value / 8) * histogram.counts.length),
      );
      expect(histogram.counts[bin], String(value)).toBe(1);
    }
    expect(histogram.counts.reduce((a, b) => a + b)).toBe(8);
  });

  test.each(["ids", "packed", "bad", "scalar", "empty"])("%s is shown as well", async (name) => {
    expect(await inspect("--tensor", name)).toContain(name);
    expect(JSON.parse(await inspect("--tensor", name, "--json"))).toMatchObject({ name });
  });

  test("a name that is not there is an input error that offers those near", async () => {
    const io = fakeIo();
    expect(await runCli(["inspect", file, "--tensor", "block.0.w"], io, fakeEngine({}))).toBe(2);
    expect(io.err()).toContain('"blocks.0.w"');
    expect(io.err()).toContain("[cli/no-such-tensor]");
  });
});
