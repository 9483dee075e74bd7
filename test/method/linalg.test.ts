import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { dampedFactor, inverseFactor } from "../../daemon/method/linalg/index.ts";
import { damped } from "./reference.ts";
import {
  identity,
  inverse,
  map,
  mul,
  randomHessian,
  randomMatrix,
  read,
  relativeError,
  tensor,
  transpose,
  upperCholesky,
  useCpu,
} from "./support.ts";

beforeAll(useCpu);

/** `U A Uᵀ = I` says that UᵀU is A's inverse, and judges U on A's own scale. */
const residual = (u: number[][], a: number[][]): number =>
  relativeError(mul(mul(u, a), transpose(u)), identity(a.length));

describe("inverseFactor", () => {
  // Sizes around the panel: one panel, exactly two, a remainder, many.
  it.each([
    [1, 4],
    [4, 4],
    [8, 4],
    [11, 4],
    [29, 4],
    [40, 128],
  ])(
    "of a %i×%i matrix in panels of the second is upper and UᵀU is the inverse",
    async (n, panel) => {
      const a = randomHessian(n, n);
      const u = await inverseFactor(tensor(a), new Array<number>(n).fill(0.5), { panel });
      if (u === undefined) throw new Error("not factorised");
      const shifted = map(a, (x, i, j) => x + (i === j ? 0.5 : 0));
      const rows = await read(u);
      for (const [i, row] of rows.entries()) {
        for (let j = 0; j < i; j++) expect(row[j]).toBe(0);
        expect(row[i]).toBeGreaterThan(0);
      }
      expect(residual(rows, shifted)).toBeLessThan(2e-4);
    },
  );

  it("is the factor of the inverse that a float64 Cholesky of the inverse gives", async () => {
    const a = randomHessian(13, 3);
    const u = await inverseFactor(tensor(a), new Array<number>(13).fill(1), { panel: 4 });
    const inv = inverse(map(a, (x, i, j) => x + (i === j ? 1 : 0)));
    expect(relativeError(await read(u as tf.Tensor), upperCholesky(inv))).toBeLessThan(1e-4);
  });

  it("keeps its accuracy on an ill-conditioned matrix", async () => {
    // Rank 3 plus damping: condition number about 1e4.
    const x = randomMatrix(3, 24, 9);
    const a = map(mul(transpose(x), x), Math.fround);
    const u = await inverseFactor(tensor(a), new Array<number>(24).fill(0.01), { panel: 8 });
    const shifted = map(a, (v, i, j) => v + (i === j ? 0.01 : 0));
    expect(residual(await read(u as tf.Tensor), shifted)).toBeLessThan(1e-2);
  });

  it("lets go of the matrix before the result is put together, and leaves no tensor behind", async () => {
    const a = tensor(randomHessian(10, 2));
    const before = tf.memory().numTensors;
    const u = await inverseFactor(a, new Array<number>(10).fill(0.5), {
      panel: 4,
      release: () => {
        a.dispose();
      },
    });
    expect(a.isDisposed).toBe(true);
    expect(u?.shape).toEqual([10, 10]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each([0, 3, 9])(
    "says so when the matrix is not positive definite in row %i, keeps it and leaves no tensor behind",
    async (row) => {
      const a = tensor(map(identity(10), (x, i) => (i === row ? -x : x)));
      const before = tf.memory().numTensors;
      const release = () => {
        a.dispose();
      };
      const shift = new Array<number>(10).fill(0);
      expect(await inverseFactor(a, shift, { panel: 4, release })).toBeUndefined();
      expect(a.isDisposed).toBe(false);
      expect(tf.memory().numTensors).toBe(before);
    },
  );
});

describe("damping", () => {
  it("adds λ·mean to the diagonal before inverting", async () => {
    const h = randomHessian(12, 5);
    const { factor, damping } = await dampedFactor(tensor(h), 0.01);
    const u = await read(factor);
    expect(damping).toBe(0.01);
    expect(relativeError(mul(transpose(u), u), inverse(damped(h, 0.01)))).toBeLessThan(1e-3);
  });

  it("gives a dead column the diagonal 1", async () => {
    const h = map(randomHessian(8, 5), (x, i, j) => (i === 2 || j === 2 ? 0 : x));
    const { factor, dead } = await dampedFactor(tensor(h), 0.1);
    expect(dead).toEqual([2]);
    expect(residual(await read(factor), damped(h, 0.1))).toBeLessThan(1e-4);
  });

  it("raises λ tenfold until the matrix is positive definite, and reports it", async () => {
    // Eigenvalues 2 and −0.05: mean 0.975, so 0.01 is too little and 0.1 enough.
    const h = [
      [0.975, 1.025],
      [1.025, 0.975],
    ];
    const { damping, factor } = await dampedFactor(tensor(h), 0.01);
    expect(damping).toBeCloseTo(0.1);
    expect(residual(await read(factor), damped(h, damping))).toBeLessThan(1e-4);
  });

  it("fails with a code when no damping helps, for NaN, and for a damping that is none", async () => {
    const hopeless = tensor([
      [1, 9],
      [9, 1],
    ]);
    await expect(dampedFactor(hopeless, 0.01)).rejects.toMatchObject({
      code: "method/not-positive-definite",
    });
    await expect(dampedFactor(tensor([[NaN]]), 0.01)).rejects.toMatchObject({
      code: "method/hessian-not-finite",
    });
    for (const damping of [0, -1, NaN, 2]) {
      await expect(dampedFactor(hopeless, damping)).rejects.toMatchObject({
        code: "method/bad-damping",
      });
    }
  });
});
