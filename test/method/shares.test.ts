/** Who computes what when GPUs share a layer's rotation, and when they do. */
import { describe, expect, test } from "vitest";
import { balanced, gpusWorthSharing } from "../../daemon/method/shares.ts";
import { seededRandom } from "../../daemon/random.ts";
import type { LayerShape } from "../../daemon/vocabulary.ts";

const LLAMA_8B: LayerShape = { d: 4096, ffn: 14336, heads: 32, kvHeads: 8, headDim: 128 };
const LLAMA_70B: LayerShape = { d: 8192, ffn: 28672, heads: 64, kvHeads: 8, headDim: 128 };
const GB = 1e9;

function largest(costs: readonly number[], places: readonly number[], first: number): number {
  const loads = [first];
  places.forEach((gpu, i) => (loads[gpu] = (loads[gpu] ?? 0) + (costs[i] ?? NaN)));
  return Math.max(...loads.filter((load) => !Number.isNaN(load)));
}

/** Every way to give each term to a GPU. */
const every = (terms: number, gpus: number): number[][] =>
  Array.from({ length: gpus ** terms }, (_, code) =>
    Array.from({ length: terms }, (_unused, i) => Math.floor(code / gpus ** i) % gpus),
  );

describe("shares", () => {
  test.each([1, 2, 3, 4])("of %i GPUs: no other division has a smaller largest share", (gpus) => {
    const random = seededRandom(gpus);
    for (let round = 0; round < 10; round++) {
      const costs = Array.from({ length: 6 }, () => 1 + random.integer(20));
      const first = round % 2 === 0 ? 0 : 9;
      const places = balanced(costs, gpus, first);
      expect(places).toHaveLength(costs.length);
      expect(Math.max(...places)).toBeLessThan(gpus);
      const best = Math.min(...every(6, gpus).map((other) => largest(costs, other, first)));
      expect(largest(costs, places, first)).toBe(best);
    }
  });

  test("more GPUs than terms leave some without one", () => {
    expect(new Set(balanced([1, 1, 1], 8, 0)).size).toBe(3);
  });
});

describe("sharing pays", () => {
  test("never for one GPU, a missing link or a small model", () => {
    const tiny: LayerShape = { d: 64, ffn: 172, heads: 8, kvHeads: 4, headDim: 8 };
    expect(gpusWorthSharing(LLAMA_70B, "sparsegpt", 1, 1000 * GB)).toBe(1);
    expect(gpusWorthSharing(LLAMA_70B, "sparsegpt", 8, 0)).toBe(1);
    expect(gpusWorthSharing(tiny, "sparsegpt", 8, 1000 * GB)).toBe(1);
  });

  test.each([
    { name: "8B", shape: LLAMA_8B, rate: 6, gpus: 1 },
    { name: "8B", shape: LLAMA_8B, rate: 12, gpus: 1 },
    { name: "8B", shape: LLAMA_8B, rate: 50, gpus: 2 },
    { name: "70B", shape: LLAMA_70B, rate: 6, gpus: 1 },
    { name: "70B", shape: LLAMA_70B, rate: 50, gpus: 2 },
  ])("$name over a link of $rate GB/s: $gpus of two", ({ shape, rate, gpus }) => {
    expect(gpusWorthSharing(shape, "sparsegpt", 2, rate * GB)).toBe(gpus);
  });

  test("a faster link never makes fewer of them worth it", () => {
    const counts = [1, 6, 12, 25, 50, 100, 300, 1000].map((rate) =>
      gpusWorthSharing(LLAMA_70B, "wanda", 8, rate * GB),
    );
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(counts.at(-1)).toBeGreaterThan(2);
  });
});
