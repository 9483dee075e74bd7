/**
 * The search for a better grouping on the device: the swaps of the host's search, one for one, on shares of very
 * different size, ties included.
 */
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBackend, type Backend, type SwapColumns } from "../../../daemon/backend/index.ts";
import {
  disposeRotation,
  identityRotation,
  permuteNeurons,
  regroupLayer,
} from "../../../daemon/method/index.ts";
import {
  columnShares,
  stackedBlocks,
  stackedColumns,
} from "../../../daemon/method/columnShares.ts";
import { regroupedColumns } from "../../../daemon/method/regroup.ts";
import { regroupedHeads } from "../../../daemon/method/regroupHeads.ts";
import { seededRandom } from "../../../daemon/random.ts";
import { prunedMass } from "../../method/reference.ts";
import { randomLayer, read, SHAPE, toMatrices } from "../../method/support.ts";
import { testGpu } from "./testGpu.ts";

const gpu = await testGpu();
const noPause = () => Promise.resolve();
const nm = (keep: number, of: number) => ({ kind: "nm", keep, of }) as const;

/** Importances of very different size, each row summing to 1; `levels` of them where ties are wanted. */
function randomColumns(rows: number, columns: number, levels = 0): SwapColumns {
  const random = seededRandom(rows * columns);
  const one = (): number =>
    levels > 0 ? 1 + random.integer(levels) : Math.exp(2 * random.normal());
  const shares = new Float32Array(columns * rows);
  for (let r = 0; r < rows; r++) {
    const row = Array.from({ length: columns }, one);
    const sum = row.reduce((a, b) => a + b, 0);
    row.forEach((x, j) => (shares[j * rows + r] = x / sum));
  }
  return { shares, rows, columns };
}

/** What the pattern deletes of the columns in that order, summed over the rows; in float64. */
function lossOf({ shares, rows, columns }: SwapColumns, order: Int32Array, pattern: Nm): number {
  const matrix = Array.from({ length: rows }, (_, r) =>
    Array.from(order, (j) => shares[j * rows + r] ?? NaN),
  );
  expect(matrix[0]).toHaveLength(columns);
  return prunedMass(matrix, pattern);
}
type Nm = ReturnType<typeof nm>;

describe.skipIf(gpu.kind === "none")(gpu.name, () => {
  let device: Backend;
  beforeAll(async () => {
    device = await openBackend("cuda");
  });
  afterAll(() => device.dispose());
  const onDevice = async (host: SwapColumns, pattern: Nm, effort: number): Promise<Int32Array> => {
    const columns = tf.tensor2d(host.shares, [host.columns, host.rows]);
    const order = await regroupedColumns(columns, pattern, effort, noPause);
    columns.dispose();
    return order;
  };

  test.each([
    [nm(2, 4), 9, 16, 0],
    [nm(2, 4), 700, 24, 0],
    [nm(2, 4), 260, 20, 3],
    [nm(1, 4), 33, 32, 0],
    [nm(3, 4), 33, 32, 2],
    [nm(1, 2), 5, 14, 0],
    [nm(5, 8), 31, 40, 0],
    [nm(1, 3), 8, 15, 0],
    [nm(6, 7), 2, 21, 0],
    [nm(9, 20), 7, 60, 0],
    [nm(2, 4), 3, 4, 0],
  ])("for %o of %i rows and %i columns (%i levels) it is the host's", async (...all) => {
    const [pattern, rows, columns, levels] = all;
    const host = randomColumns(rows, columns, levels);
    for (const effort of [1e9, 3 * columns * pattern.of * rows]) {
      const wanted = await regroupedColumns(host, pattern, effort, noPause);
      const found = await onDevice(host, pattern, effort);
      expect([...found].sort((a, b) => a - b)).toEqual([...Array(columns).keys()]);
      expect(found).toEqual(wanted);
      expect(await onDevice(host, pattern, effort)).toEqual(found);
    }
  });

  test("it deletes less than the order that it began with", async () => {
    const [host, pattern] = [randomColumns(40, 64), nm(2, 4)];
    const before = lossOf(host, Int32Array.from(Array(64).keys()), pattern);
    const found = lossOf(host, await onDevice(host, pattern, 1e9), pattern);
    expect(found).toBeLessThan(0.95 * before);
  });

  test("columns of heads are the host's", async () => {
    const w = tf.randomNormal<tf.Rank.R2>([6, 16], 0, 1, "float32", 5);
    const c = tf.range(1, 17);
    const shares = await columnShares([{ shape: w.shape, w: () => w, c }], 4);
    if (!(shares instanceof tf.Tensor)) throw new Error("the columns are not on the device");
    const host = { shares: await shares.data<"float32">(), rows: 6, columns: 16 };
    const stacked = stackedBlocks(shares, 2, 2);
    const [first, second] = [stackedColumns(host, [0, 4], 4), stackedColumns(host, [8, 12], 4)];
    expect(stacked.shape).toEqual([8, 12]);
    expect([...(await stacked.data())]).toEqual([...first.shares, ...second.shares]);
    tf.dispose([w, c, shares, stacked]);
  });

  test.each([
    [nm(2, 4), { heads: 6, kvHeads: 3, headDim: 12 }, 0],
    [nm(1, 4), { heads: 4, kvHeads: 4, headDim: 20 }, 2],
    [nm(2, 4), { heads: 2, kvHeads: 1, headDim: 8 }, 0],
    [nm(2, 4), { heads: 4, kvHeads: 2, headDim: 4 }, 0],
  ])("all heads at once, %o of %o (%i levels), make the host's swaps", async (...all) => {
    const [pattern, sizes, levels] = all;
    const shape = { ...sizes, d: 1, ffn: 1 };
    const host = randomColumns(9, shape.heads * shape.headDim, levels);
    const columns = tf.tensor2d(host.shares, [host.columns, host.rows]);
    const before = tf.memory().numTensors;
    // Far too much, and so little that only some rounds of each head are gone through.
    for (const effort of [1e9, 2 * host.columns * pattern.of * host.rows]) {
      const wanted = await regroupedHeads(host, shape, pattern, effort, noPause);
      expect(await regroupedHeads(columns, shape, pattern, effort, noPause)).toEqual(wanted);
      expect([...(wanted ?? [])].map((j) => Math.floor(j / shape.headDim))).toEqual(
        Array.from({ length: shape.kvHeads * shape.headDim }, (_, j) =>
          Math.floor(j / shape.headDim),
        ),
      );
    }
    expect(tf.memory().numTensors).toBe(before);
    const odd = { ...shape, headDim: shape.headDim + 1 };
    expect(await regroupedHeads(columns, odd, pattern, 1, noPause)).toBeNull();
    columns.dispose();
  });

  test("columns of very wide groups come to the host, which has the memory that they take", async () => {
    const w = tf.randomNormal<tf.Rank.R2>([6, 128], 0, 1, "float32", 5);
    const c = tf.ones<tf.Rank.R1>([128]);
    const weighted = { shape: w.shape, w: () => w, c };
    const wide = await columnShares([weighted], 64);
    if (wide instanceof tf.Tensor) throw new Error("the columns are on the device");
    const there = await columnShares([weighted], 32);
    if (!(there instanceof tf.Tensor)) throw new Error("the columns are not on the device");
    expect({ shares: await there.data(), rows: 6, columns: 128 }).toEqual(wide);
    tf.dispose([w, c, there]);
  });

  test("a whole layer: the same every time, nothing left behind, less deleted", async () => {
    const layer = randomLayer(SHAPE, 1);
    const matrices = toMatrices(layer);
    const before = tf.memory().numTensors;
    const regrouped = async (signal?: AbortSignal) => {
      const start = identityRotation(SHAPE);
      try {
        return await regroupLayer(
          { matrices, metric: { method: "magnitude" }, shape: SHAPE },
          start,
          {
            pattern: nm(2, 4),
            ownR1: true,
            signal,
          },
        );
      } finally {
        disposeRotation(start);
      }
    };
    const [a, b] = [await regrouped(), await regrouped()];
    expect(a.neurons).toEqual(b.neurons);
    expect(await read(a.rotation.r1)).toEqual(await read(b.rotation.r1));
    const permuted = permuteNeurons(matrices, a.neurons);
    const massOf = (w: readonly (readonly number[])[]): number =>
      prunedMass(
        w.map((row) => row.map((x) => x * x)),
        nm(2, 4),
      );
    expect(massOf(await read(permuted.down))).toBeLessThan(massOf(layer.matrices.down));
    disposeRotation(a.rotation);
    disposeRotation(b.rotation);
    tf.dispose([permuted.gate, permuted.up, permuted.down]);
    await expect(regrouped(AbortSignal.abort())).rejects.toMatchObject({
      code: "method/cancelled",
    });
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose(Object.values(matrices));
  });
});
