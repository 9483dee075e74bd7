import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import {
  disposeRotation,
  foldRotation,
  identityRotation,
  permuteNeurons,
  regroupLayer,
  type LayerMatrices,
} from "../../daemon/method/index.ts";
import { pairsOf, plainSearch, regroupedColumns, roundsOf } from "../../daemon/method/regroup.ts";
import { openSwapSearch } from "../../daemon/backend/index.ts";
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

const toColumns = (shares: Matrix) => ({
  shares: Float32Array.from(transpose(shares).flat()),
  rows: shares.length,
  columns: shares[0]?.length ?? 0,
});
const search = (shares: Matrix, pattern: { keep: number; of: number }): Promise<Int32Array> =>
  regroupedColumns(toColumns(shares), pattern, 1e9, noPause);
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

describe("a search on the vector unit", () => {
  it.each([
    [nm(2, 4), 9, 16],
    [nm(2, 4), 300, 24],
    [nm(1, 2), 5, 12],
    [nm(5, 8), 31, 32],
    [nm(1, 3), 8, 15],
    [nm(6, 7), 2, 21],
  ])(
    "for %o of %i rows and %i columns makes the swaps of the plain one",
    async (pattern, rows, columns) => {
      const shares = toColumns(randomShares(rows, columns, rows));
      const fast = await openSwapSearch(shares, pattern, 1e-6);
      const plain = plainSearch(shares, pattern);
      if (fast === undefined) throw new Error("kernels.wasm is not built: npm run build kernels");
      const groups = columns / pattern.of;
      let swaps = 0;
      for (let turn = 0; turn < 2 * roundsOf(groups); turn++) {
        for (const [g, h] of pairsOf(groups, turn)) {
          const made = plain.meet(g, h);
          expect(fast.meet(g, h)).toBe(made);
          expect(fast.order()).toEqual(plain.order());
          if (made) swaps++;
        }
      }
      expect(swaps).toBeGreaterThan(0);
    },
  );
});

describe("a tournament", () => {
  it.each([1, 2, 3, 6, 7])("of %i lets all pairs meet once, nobody twice in a round", (count) => {
    const rounds = Array.from({ length: roundsOf(count) }, (_, turn) => pairsOf(count, turn));
    const pairs = rounds.flat().map((pair) => [...pair].sort((a, b) => a - b).join());
    expect(new Set(pairs).size).toBe((count * (count - 1)) / 2);
    expect(pairs).toHaveLength((count * (count - 1)) / 2);
    for (const round of rounds) expect(new Set(round.flat()).size).toBe(2 * round.length);
  });
});

describe("regroupLayer", () => {
  const layer = randomLayer(SHAPE, 1);
  const metric = { method: "magnitude" } as const;
  const massOf = (w: Matrix): number =>
    prunedMass(
      map(w, (x) => x * x),
      nm(2, 4),
    );
  const regrouped = (matrices: LayerMatrices, signal?: AbortSignal) =>
    regroupLayer({ matrices, metric, shape: SHAPE }, identityRotation(SHAPE), {
      pattern: nm(2, 4),
      ownR1: true,
      signal,
    });

  it("lowers the pruned mass by permutations alone, and the feed-forward block's function stays", async () => {
    const matrices = toMatrices(layer);
    const before = tf.memory().numTensors;
    const start = identityRotation(SHAPE);
    const { rotation, neurons } = await regroupLayer({ matrices, metric, shape: SHAPE }, start, {
      pattern: nm(2, 4),
      ownR1: true,
    });
    disposeRotation(start);
    expect(tf.memory().numTensors - before).toBe(2);
    const r1 = await read(rotation.r1);
    for (const lines of [r1, transpose(r1)]) {
      for (const line of lines) expect([...line].sort()).toEqual([...line].fill(0).fill(1, -1));
    }

    const permuted = permuteNeurons(matrices, neurons);
    const folded = foldRotation(permuted, rotation, SHAPE);
    for (const role of ["gate", "down"] as const) {
      expect(massOf(await read(folded[role]))).toBeLessThan(massOf(layer.matrices[role]));
    }
    expect(massOf(await read(permuted.down))).toBeLessThan(0.97 * massOf(layer.matrices.down));

    const [gate, up, down] = await Promise.all(
      [permuted.gate, permuted.up, permuted.down].map(read),
    );
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
    const [a, b] = [await regrouped(toMatrices(layer)), await regrouped(toMatrices(layer))];
    expect(a.neurons).toEqual(b.neurons);
    expect(await read(a.rotation.r1)).toEqual(await read(b.rotation.r1));
  });

  it("can be cancelled", async () => {
    const controller = new AbortController();
    controller.abort();
    await expect(regrouped(toMatrices(layer), controller.signal)).rejects.toMatchObject({
      code: "method/cancelled",
    });
  });
});
