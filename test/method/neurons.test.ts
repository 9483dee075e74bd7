import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { neuronOrder, permuteNeurons } from "../../daemon/method/index.ts";
import { regroupedColumns, tournament } from "../../daemon/method/regroup.ts";
import type { Pattern } from "../../daemon/vocabulary.ts";
import { prunedMass } from "./reference.ts";
import {
  map,
  mul,
  randomLayer,
  randomMatrix,
  read,
  relativeError,
  SHAPE,
  tensor,
  toMatrices,
  transpose,
  useCpu,
  type Matrix,
} from "./support.ts";

beforeAll(useCpu);

const nm = (keep: number, of: number) => ({ kind: "nm", keep, of }) as const satisfies Pattern;
const noPause = () => Promise.resolve();

/** Importances of very different size, each row summing to 1. */
function randomShares(rows: number, columns: number, seed: number): number[][] {
  return map(randomMatrix(rows, columns, seed), (x) => Math.exp(2 * x)).map((row) => {
    const sum = row.reduce((a, b) => a + b, 0);
    return row.map((x) => x / sum);
  });
}

const search = (shares: Matrix, pattern: { keep: number; of: number }): Promise<Int32Array> =>
  regroupedColumns(
    {
      shares: Float32Array.from(transpose(shares).flat()),
      rows: shares.length,
      columns: shares[0]?.length ?? 0,
    },
    pattern,
    noPause,
  );
const reordered = (a: Matrix, order: Int32Array): number[][] =>
  a.map((row) => Array.from(order, (j) => row[j] ?? NaN));

describe("regroupedColumns", () => {
  it.each([nm(2, 4), nm(1, 4), nm(3, 4), nm(1, 2), nm(5, 8)])(
    "for %o is a permutation that no single swap would better",
    async (pattern) => {
      const shares = randomShares(9, 16, 1);
      const order = await search(shares, pattern);
      expect([...order].sort((a, b) => a - b)).toEqual([...Array(16).keys()]);
      const found = prunedMass(reordered(shares, order), pattern);
      expect(found).toBeLessThan(prunedMass(shares, pattern));
      for (let i = 0; i < 16; i++) {
        for (let j = 0; j < i; j++) {
          const swapped = Int32Array.from(order);
          [swapped[i], swapped[j]] = [order[j] ?? 0, order[i] ?? 0];
          const after = prunedMass(reordered(shares, swapped), pattern);
          expect(after).toBeGreaterThan(found - 2e-6);
        }
      }
    },
  );

  it("separates columns that matter in the same rows", async () => {
    // Four heavy columns in one group: 2:4 would delete half of the importance, and need delete almost none.
    const shares = Array.from({ length: 5 }, () =>
      [24, 24, 24, 24, 1, 1, 1, 1].map((x) => x / 100),
    );
    const order = await search(shares, nm(2, 4));
    expect(prunedMass(reordered(shares, order), nm(2, 4)) / 5).toBeCloseTo(0.04, 5);
  });

  it("with one group has nothing to do", async () => {
    expect([...(await search(randomShares(3, 4, 1), nm(2, 4)))]).toEqual([0, 1, 2, 3]);
  });
});

describe("tournament", () => {
  it.each([1, 2, 3, 6, 7])("of %i lets all pairs meet once, nobody twice in a round", (count) => {
    const rounds = tournament(count);
    const pairs = rounds.flat().map((pair) => [...pair].sort((a, b) => a - b).join());
    expect(new Set(pairs).size).toBe((count * (count - 1)) / 2);
    expect(pairs).toHaveLength((count * (count - 1)) / 2);
    for (const round of rounds) expect(new Set(round.flat()).size).toBe(2 * round.length);
  });
});

describe("neuronOrder", () => {
  const layer = randomLayer(SHAPE, 1);
  const c = randomMatrix(1, SHAPE.ffn, 2).flat().map(Math.abs);
  const massOf = (down: Matrix, weights: readonly number[]): number =>
    prunedMass(
      map(down, (x, _, j) => x * x * (weights[j] ?? NaN)),
      nm(2, 4),
    );

  it("lowers down's pruned mass, and the block's function stays", async () => {
    const matrices = toMatrices(layer);
    const weights = tf.tensor1d(c);
    const before = tf.memory().numTensors;
    const order = await neuronOrder(matrices.down, weights, nm(2, 4));
    const permuted = permuteNeurons(matrices, order);
    expect(tf.memory().numTensors - before).toBe(3);
    const [gate, up, down] = await Promise.all(
      [permuted.gate, permuted.up, permuted.down].map(read),
    );
    const reorderedC = Array.from(order, (j) => c[j] ?? NaN);
    expect(massOf(down ?? [], reorderedC)).toBeLessThan(0.95 * massOf(layer.matrices.down, c));

    const x = randomMatrix(4, SHAPE.d, 9);
    const block = (g: Matrix, u: Matrix, d: Matrix): number[][] => {
      const [a, b] = [mul(x, transpose(g)), mul(x, transpose(u))];
      const h = map(a, (v, i, j) => (v / (1 + Math.exp(-v))) * (b[i]?.[j] ?? NaN));
      return mul(h, transpose(d));
    };
    const { matrices: m } = layer;
    expect(
      relativeError(block(gate ?? [], up ?? [], down ?? []), block(m.gate, m.up, m.down)),
    ).toBeLessThan(1e-12);
  });

  it("is the same every time", async () => {
    const once = () => neuronOrder(tensor(layer.matrices.down), tf.tensor1d(c), nm(2, 4));
    expect(await once()).toEqual(await once());
  });

  it("can be cancelled", async () => {
    const controller = new AbortController();
    controller.abort();
    await expect(
      neuronOrder(tensor(layer.matrices.down), tf.tensor1d(c), nm(2, 4), controller.signal),
    ).rejects.toMatchObject({ code: "method/cancelled" });
  });
});
