import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import {
  assertPatternFits,
  dampedFactor,
  pruneMagnitude,
  pruneSparseGpt,
  pruneWanda,
} from "../../daemon/method/index.ts";
import { prunedCount, type Pattern } from "../../daemon/vocabulary.ts";
import { damped } from "./reference.ts";
import {
  flat,
  inverse,
  map,
  randomHessian,
  randomMatrix,
  read,
  relativeError,
  SHAPE,
  tensor,
  upperCholesky,
  useCpu,
  type Matrix,
} from "./support.ts";

beforeAll(useCpu);

const zeros = (w: Matrix): number => flat(w).filter((x) => x === 0).length;
const share = (x: number): Pattern => ({ kind: "unstructured", share: x });
const nm = (keep: number, of: number): Pattern => ({ kind: "nm", keep, of });

/** Indices of the lowest `count` scores; of equal ones the earlier. */
const lowest = (scores: readonly number[], count: number): Set<number> =>
  new Set(
    [...scores.keys()]
      .sort((a, b) => (scores[a] ?? NaN) - (scores[b] ?? NaN) || a - b)
      .slice(0, count),
  );

/** The row with the lowest of every group set to 0. */
function prunedGroups(
  row: readonly number[],
  scores: readonly number[],
  of: number,
  count: number,
) {
  return row.map((x, j) => {
    const start = j - (j % of);
    return lowest(scores.slice(start, start + of), count).has(j - start) ? 0 : x;
  });
}

describe("prunedCount", () => {
  it("is the floor of the product of decimals, not of their binary neighbours", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 999 }),
        fc.integer({ min: 1, max: 1e7 }),
        (milli, n) => {
          expect(prunedCount(milli / 1000, n)).toBe(Number((BigInt(milli) * BigInt(n)) / 1000n));
        },
      ),
    );
    // 0.29 · 100 is 28.999999999999996
    expect(prunedCount(0.29, 100)).toBe(29);
  });
});

describe("assertPatternFits", () => {
  it("accepts what divides every input", () => {
    for (const pattern of [nm(2, 4), nm(1, 2), nm(3, 4), share(0.5)]) {
      expect(() => {
        assertPatternFits(pattern, SHAPE);
      }).not.toThrow();
    }
  });

  it("names the first matrix that does not fit, with its sizes", () => {
    expect(() => {
      assertPatternFits(nm(4, 8), SHAPE);
    }).toThrow(
      expect.objectContaining({
        code: "method/pattern-does-not-fit",
        message: expect.stringContaining("o [8, 12]") as string,
      }),
    );
  });

  it.each([nm(0, 4), nm(4, 4), nm(5, 4), nm(1.5, 4), share(0), share(1), share(NaN)])(
    "refuses %o",
    (pattern) => {
      expect(() => {
        assertPatternFits(pattern, SHAPE);
      }).toThrow(expect.objectContaining({ code: "method/pattern-out-of-range" }));
    },
  );
});

describe("pruneMagnitude", () => {
  const w = randomMatrix(6, 16, 1);

  it("deletes the smallest of the whole matrix", async () => {
    const weights = pruneMagnitude(tensor(w), share(0.37));
    const doomed = lowest(flat(w).map(Math.abs), 35);
    expect(await read(weights)).toEqual(map(w, (x, i, j) => (doomed.has(i * 16 + j) ? 0 : x)));
  });

  it("deletes the smallest of every group", async () => {
    const weights = pruneMagnitude(tensor(w), nm(3, 8));
    expect(await read(weights)).toEqual(w.map((row) => prunedGroups(row, row.map(Math.abs), 8, 5)));
  });

  it("prunes the exact count where weights are equal, and where they are 0", async () => {
    const ties = [
      [1, -1, 1, 1],
      [0, 0, 0, 5],
    ];
    const weights = pruneMagnitude(tensor(ties), share(0.5));
    expect(await read(weights)).toEqual([
      [0, -1, 1, 1],
      [0, 0, 0, 5],
    ]);
    expect(Object.is((await weights.data())[0], 0)).toBe(true);
  });
});

describe("pruneWanda", () => {
  const w = randomMatrix(6, 16, 2);
  const h = randomHessian(16, 3);
  const scores = map(w, (x, _, j) => Math.abs(x) * Math.sqrt(h[j]?.[j] ?? NaN));

  it("deletes the lowest scores of every row", async () => {
    const weights = pruneWanda(tensor(w), tensor(h), share(0.4));
    expect(await read(weights)).toEqual(
      w.map((row, i) => prunedGroups(row, scores[i] ?? [], 16, 6)),
    );
  });

  it("deletes the lowest scores of every group", async () => {
    const weights = pruneWanda(tensor(w), tensor(h), nm(2, 4));
    expect(await read(weights)).toEqual(
      w.map((row, i) => prunedGroups(row, scores[i] ?? [], 4, 2)),
    );
  });
});

describe("pruneSparseGpt", () => {
  const w = randomMatrix(7, 20, 4);
  const h = randomHessian(20, 5);

  it.each([
    [share(0.5), 8],
    [share(0.37), 6],
    [share(0.5), 128],
    [nm(2, 4), 8],
    [nm(2, 4), 10],
    [nm(3, 5), 128],
  ])("%o in blocks of %i: every weight is the float64 reference's", async (pattern, blockSize) => {
    const before = tf.memory().numTensors;
    const factor = await dampedFactor(tensor(h), 0.01);
    const weights = pruneSparseGpt(tensor(w), factor, { pattern, blockSize });
    // The two inputs, the factor and the result.
    expect(tf.memory().numTensors - before).toBe(4);
    const actual = await read(weights);
    const expected = sparseGpt(w, h, pattern, blockSize, 0.01);
    expect(map(actual, (x) => (x === 0 ? 0 : 1))).toEqual(map(expected, (x) => (x === 0 ? 0 : 1)));
    expect(relativeError(actual, expected)).toBeLessThan(1e-4);
    expect(factor.damping).toBe(0.01);
  });

  it("loses floor(share · weights) in all, whatever the blocks round to", async () => {
    // 7 rows × 6 columns × 0.37 = 15.54 per block: three blocks and a rest, 51.8 in all.
    const options = { pattern: share(0.37), blockSize: 6 };
    const weights = pruneSparseGpt(tensor(w), await dampedFactor(tensor(h), 0.01), options);
    expect(zeros(await read(weights))).toBe(51);
  });

  it("does less harm to the output than the mask alone", async () => {
    const options = { pattern: nm(2, 4), blockSize: 128 };
    const weights = pruneSparseGpt(tensor(w), await dampedFactor(tensor(h), 0.01), options);
    const compensated = await read(weights);
    const bare = map(compensated, (x, i, j) => (x === 0 ? 0 : (w[i]?.[j] ?? NaN)));
    expect(outputError(compensated, w, h)).toBeLessThan(0.8 * outputError(bare, w, h));
  });

  it("deletes the weights of dead columns first", async () => {
    const dead = map(h, (x, i, j) => (i === 3 || j === 3 ? 0 : x));
    const options = { pattern: nm(2, 4), blockSize: 8 };
    const weights = pruneSparseGpt(tensor(w), await dampedFactor(tensor(dead), 0.01), options);
    const rows = await read(weights);
    for (const row of rows) expect(row[3]).toBe(0);
    expect(zeros(rows)).toBe(70);
  });

  it("refuses a block that holds no group", async () => {
    const factor = await dampedFactor(tensor(h), 0.01);
    expect(() => pruneSparseGpt(tensor(w), factor, { pattern: nm(2, 4), blockSize: 3 })).toThrow(
      expect.objectContaining({ code: "method/block-too-small" }),
    );
  });
});

/** Σ rows (w − w₀) H (w − w₀)ᵀ */
function outputError(w: Matrix, original: Matrix, h: Matrix): number {
  const delta = map(w, (x, i, j) => x - (original[i]?.[j] ?? NaN));
  return delta.reduce(
    (sum, row) =>
      sum +
      row.reduce((s, x, i) => s + x * row.reduce((t, y, j) => t + y * (h[i]?.[j] ?? NaN), 0), 0),
    0,
  );
}

/** Algorithm 1 of the paper, one column after the other over the whole rest of the matrix: no lazy blocks. */
function sparseGpt(
  original: Matrix,
  h: Matrix,
  pattern: Pattern,
  blockSize: number,
  damping: number,
): number[][] {
  const u = upperCholesky(inverse(damped(h, damping)));
  const w = original.map((row) => [...row]);
  const [rows, columns] = [w.length, h.length];
  const block = pattern.kind === "nm" ? blockSize - (blockSize % pattern.of) : blockSize;
  const doomed = new Set<string>();
  const score = (i: number, j: number): number => ((w[i]?.[j] ?? NaN) / (u[j]?.[j] ?? NaN)) ** 2;
  for (let j = 0; j < columns; j++) {
    if (pattern.kind === "nm" && j % pattern.of === 0) {
      for (let i = 0; i < rows; i++) {
        const group = Array.from({ length: pattern.of }, (_, k) => score(i, j + k));
        for (const k of lowest(group, pattern.of - pattern.keep)) doomed.add(`${i},${j + k}`);
      }
    }
    if (pattern.kind === "unstructured" && j % block === 0) {
      const end = Math.min(j + block, columns);
      const cells = Array.from({ length: rows }, (_, i) =>
        Array.from({ length: end - j }, (_, k) => [i, j + k] as const),
      ).flat();
      const count =
        Math.floor(pattern.share * rows * end + 1e-9) - Math.floor(pattern.share * rows * j + 1e-9);
      for (const n of lowest(
        cells.map(([i, k]) => score(i, k)),
        count,
      )) {
        doomed.add((cells[n] ?? []).join(","));
      }
    }
    w.forEach((row, i) => {
      if (!doomed.has(`${i},${j}`)) return;
      const error = (row[j] ?? NaN) / (u[j]?.[j] ?? NaN);
      for (let k = j; k < columns; k++) row[k] = (row[k] ?? NaN) - error * (u[j]?.[k] ?? NaN);
      row[j] = 0;
    });
  }
  return w;
}
