import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { createAccumulator, isFiniteHessian } from "../../daemon/method/index.ts";
import {
  map,
  mul,
  randomMatrix,
  read,
  relativeError,
  tensor,
  transpose,
  useCpu,
} from "./support.ts";

beforeAll(useCpu);

describe("createAccumulator", () => {
  it("gives 2/N XᵀX of all batches together, and frees what it holds", async () => {
    const batches = [randomMatrix(6, 5, 1), randomMatrix(3, 5, 2), randomMatrix(9, 5, 3)];
    const before = tf.memory().numTensors;
    const accumulator = createAccumulator(5, 3);
    for (const batch of batches) {
      const x = tensor(batch);
      accumulator.add(x);
      x.dispose();
    }
    const h = accumulator.take();
    accumulator.dispose();
    expect(tf.memory().numTensors - before).toBe(1);
    const x = batches.flat();
    const expected = map(mul(transpose(x), x), (v) => (2 / 3) * v);
    expect(relativeError(await read(h), expected)).toBeLessThan(1e-6);
  });

  it("survives a tidy around its use", async () => {
    const accumulator = createAccumulator(2, 1);
    tf.tidy(() => {
      accumulator.add(tf.ones([3, 2]));
      accumulator.add(tf.ones([1, 2]));
    });
    expect(await read(accumulator.take())).toEqual([
      [8, 8],
      [8, 8],
    ]);
  });
});

describe("isFiniteHessian", () => {
  it.each([
    [[1, -2, 0], true],
    [[1e15, -1e15, 1e15], true],
    [[1, NaN, 0], false],
    [[Infinity, 1, 0], false],
    [[Infinity, -Infinity, 0], false],
    [[0, 1e30, 0], false],
  ])("of the input %o is %o", async (input, expected) => {
    const accumulator = createAccumulator(3, 2);
    accumulator.add(tf.tensor2d([[1, 1, 1], input]));
    expect(await isFiniteHessian(accumulator.take())).toBe(expected);
  });
});
