/** Each kernel of the `cuda` backend against TensorFlow.js' plain JavaScript one. */
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/register_all_gradients.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CudaBackend } from "../../../../daemon/backend/cuda/runtime.ts";
import { openBackend, type Backend } from "../../../../daemon/backend/index.ts";
import { testGpu } from "../testGpu.ts";
import { BINARY, FLOAT_BINARY, LOGICAL, MOVEMENT, PAIRS, REDUCED, UNARY } from "./cases.ts";
import { expectSame, poisonMemory } from "./compare.ts";

const gpu = await testGpu();
describe.skipIf(gpu.kind === "none")(`kernels on ${gpu.name}`, () => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await openBackend("cuda", { precision: "f32" });
    poisonMemory(tf.backend() as unknown as CudaBackend);
  });
  afterAll(async () => {
    expect(gpu.emulation?.fault() ?? "").toBe("");
    await backend.dispose();
  });

  describe("of one tensor", () => {
    test.each(Object.entries(UNARY))("%s", async (_, [run, low, high]) => {
      for (const shape of [[], [3], [4, 5, 7], [0]]) {
        await expectSame((s) => run(s.between(low, high, ...shape)));
      }
    });
    test("more elements than threads", () =>
      expectSame((s) => [tf.neg(s.floats(150_001)), tf.add(s.floats(150_001), s.floats())]));
    const integers = {
      ...{ abs: tf.abs, neg: tf.neg, square: tf.square, sign: tf.sign, relu: tf.relu },
      ...{ relu6: tf.relu6, isFinite: tf.isFinite, isInf: tf.isInf, isNaN: tf.isNaN },
      clip: (x: tf.Tensor) => tf.clipByValue(x, -5, 7),
      step: (x: tf.Tensor) => tf.step(x, 3),
    };
    test.each(Object.entries(integers))("%s of integers", (_, run) =>
      expectSame((s) => run(s.ints(50, 9))),
    );
    test("the bits that two integers share", () =>
      expectSame((s) => [
        tf.bitwiseAnd(s.ints(900, 5, 7), s.ints(900, 5, 7)),
        tf.bitwiseAnd(tf.fill([1], 6, "int32"), tf.fill([1], 3, "int32")),
      ]));
    test("logicalNot", () => expectSame((s) => tf.logicalNot(s.bools(9))));
    test("what is no number, infinite, or zero", () =>
      expectSame(() => {
        const x = tf.tensor1d([NaN, Infinity, -Infinity, 0, -0, 1, -1]);
        const all = [tf.abs, tf.exp, tf.relu, tf.sign, tf.sigmoid, tf.tanh, tf.isNaN, tf.isInf];
        const others = [tf.isFinite, tf.sqrt, tf.log, tf.floor, tf.round, tf.softplus, tf.step];
        return [...all, ...others, tf.reciprocal, tf.square, tf.relu6].map((f) => f(x));
      }));
  });

  test("conversions", () =>
    expectSame((s) => {
      const all = [s.between(-3, 3, 9), s.ints(2, 9), s.bools(9), s.floats(0)];
      return all.flatMap((x) =>
        (["float32", "int32", "bool"] as const).map((dtype) => tf.cast(x, dtype)),
      );
    }));

  describe("of two tensors", () => {
    const names = Object.entries({ ...BINARY, ...FLOAT_BINARY });
    test.each(names)("%s", async (_, run) => {
      for (const [a, b] of PAIRS) await expectSame((s) => run(s.floats(...a), s.floats(...b)));
    });
    test.each(Object.entries(BINARY))("%s of integers", async (_, run) => {
      for (const [a, b] of PAIRS) await expectSame((s) => run(s.ints(4, ...a), s.ints(4, ...b)));
    });
    test.each(Object.entries(LOGICAL))("%s of bools", async (_, run) => {
      for (const [a, b] of PAIRS) await expectSame((s) => run(s.bools(...a), s.bools(...b)));
    });
    test("not-a-number wins", () =>
      expectSame(() => {
        const [a, b] = [tf.tensor1d([NaN, 1, NaN, -Infinity]), tf.tensor1d([1, NaN, NaN, 0])];
        return [tf.maximum(a, b), tf.minimum(a, b), tf.equal(a, b), tf.less(a, b)];
      }));
    test("addN, and the gradient of elu", async () => {
      await expectSame((s) => tf.addN([s.floats(4, 5), s.floats(4, 5), s.floats(4, 5)]));
      await expectSame((s) => tf.grad(tf.elu)(s.floats(4, 5)));
    });
  });

  test.each(Object.entries(MOVEMENT))("%s", (_, run) => expectSame(run));

  describe("reductions", () => {
    test.each(REDUCED.map(([shape, axes]) => ({ shape, axes })))(
      "$shape along $axes",
      async ({ shape, axes }) => {
        for (const keep of [false, true]) {
          await expectSame(
            (s) => [
              tf.sum(s.between(0, 1, ...shape), axes, keep),
              tf.mean(s.floats(...shape), axes, keep),
            ],
            1e-6,
          );
        }
        if (shape.includes(0)) return;
        await expectSame((s) => [
          tf.sum(s.ints(9, ...shape), axes),
          tf.sum(s.bools(...shape), axes),
          tf.prod(s.between(0.99, 1.01, ...shape.map((n) => Math.min(n, 50))), axes),
          tf.all(tf.logicalOr(s.bools(...shape), s.bools(...shape)), axes),
          tf.any(s.bools(...shape), axes),
        ]);
        await expectSame((s) => [
          tf.max(s.floats(...shape), axes),
          tf.min(s.floats(...shape), axes),
          tf.max(s.ints(900, ...shape), axes),
          tf.min(s.ints(900, ...shape), axes),
        ]);
      },
    );
    test("products of rows that several blocks share, and of integers", () =>
      expectSame((s) => {
        const signs = tf.where(s.bools(2, 10001), tf.scalar(1, "int32"), tf.scalar(-1, "int32"));
        return [
          tf.prod(s.between(0.999, 1.001, 2, 10001), 1),
          ...[1, 0].map((axis) => tf.prod(s.ints(3, 4, 5), axis)),
          tf.prod(signs, 1),
        ];
      }, 1e-4));
    test("sums of what is infinite or no number", () =>
      expectSame(() => {
        const x = tf.tensor2d([1, Infinity, 2, NaN, 1, 2, -Infinity, 3, 1, 2, 3, 4], [4, 3]);
        return [tf.sum(x, 1), tf.max(x, 1), tf.min(x, 1), tf.sum(x, 0)];
      }));
    test("argMax and argMin, with equals and not-a-number", async () => {
      await expectSame((s) => [tf.argMax(s.ints(3, 6, 40), 1), tf.argMin(s.ints(3, 6, 40), 0)]);
      await expectSame((s) => [tf.argMax(s.floats(3, 70), -1), tf.argMin(s.floats(3, 4, 5), 1)]);
      await expectSame(() => {
        const x = tf.tensor2d([NaN, 1, 2, 1, NaN, 2, 5, NaN, 5], [3, 3]);
        return [tf.argMax(x, 1), tf.argMin(x, 1)];
      });
    });
  });

  describe("along a row", () => {
    test.each([1, 3, 40, 256, 257, 3000])("softmax of %i", (length) =>
      expectSame((s) => [
        tf.softmax(s.between(-9, 9, 5, length)),
        tf.logSoftmax(s.between(-9, 9, 5, length)),
      ]),
    );
    test("softmax where everything is masked but one", () =>
      expectSame(() => tf.softmax(tf.tensor2d([-Infinity, 3, -Infinity, -Infinity], [1, 4]))));
    test.each([
      [[7], 0],
      [[3, 1025], 1],
      [[5, 4], 0],
      [[2, 3000], 1],
      [[2, 0], 1],
    ])("running sums and products of %j along %i", async (shape, axis) => {
      for (const exclusive of [false, true]) {
        for (const reverse of [false, true]) {
          await expectSame(
            (s) => [
              tf.cumsum(s.floats(...shape), axis, exclusive, reverse),
              tf.cumsum(s.ints(9, ...shape), axis, exclusive, reverse),
              tf.cumprod(s.between(0.99, 1.01, ...shape), axis, exclusive, reverse),
            ],
            // The plain backend rounds after every step.
            1e-4,
          );
        }
      }
    });
    test.each([
      [[5], 1],
      [[4, 4], 4],
      [[3, 33], 10],
      [[2, 3, 100], 100],
      [[2, 2048], 2048],
      [[3, 5000], 5000],
    ])("topk of %j, the %i largest", async (shape, k) => {
      await expectSame((s) => topk(s.floats(...shape), k));
      await expectSame((s) => topk(s.ints(9, ...shape), k));
    });
  });

  describe("matrix products", () => {
    test("both operands repeated, as if written out", async () => {
      // Not against the plain backend, which gets this one wrong.
      await tf.setBackend("cuda");
      const difference = tf.tidy(() => {
        const [a, b] = [tf.randomNormal([2, 1, 3, 5]), tf.randomNormal([1, 4, 5, 6])];
        const written = tf.matMul(tf.tile(a, [1, 4, 1, 1]), tf.tile(b, [2, 1, 1, 1]));
        return tf.max(tf.abs(tf.sub(tf.matMul(a, b), written)));
      });
      expect((await difference.data())[0]).toBeLessThan(1e-5);
      difference.dispose();
    });
    test("one right matrix, left transposed", () =>
      expectSame((s) => tf.matMul(s.floats(3, 5, 4), s.floats(1, 5, 6), true), 1e-5));
    test("nothing to sum over", () => expectSame((s) => tf.matMul(s.floats(3, 0), s.floats(0, 4))));
    test("leakyrelu and prelu", () =>
      expectSame((s) => {
        const [a, b] = [s.floats(4, 5) as tf.Tensor2D, s.floats(5, 6) as tf.Tensor2D];
        const leaky = { activation: "leakyrelu", leakyreluAlpha: 0.2 } as const;
        const prelu = { activation: "prelu", preluActivationWeights: s.floats(6) } as const;
        return [
          tf.fused.matMul({ a, b, ...leaky }),
          tf.fused.matMul({ a, b, bias: s.floats(6), ...prelu }),
        ];
      }, 1e-5));
  });

  test("gradients through most of it", () =>
    expectSame((s) => {
      const loss = (x: tf.Tensor, w: tf.Tensor): tf.Tensor => {
        const h = tf.matMul(tf.softmax(x), w);
        const scaled = tf.div(h, tf.sqrt(tf.add(tf.mean(tf.square(h), -1, true), 1e-5)));
        const top = tf.mul(tf.max(scaled, 1, true), tf.sigmoid(tf.gather(scaled, [1, 1, 0, 2])));
        const parts = tf.concat(
          [
            tf.slice(top, [0, 1], [4, 3]),
            tf.transpose(
              tf.pad(h, [
                [0, 0],
                [0, 0],
              ]),
            ),
          ].map((t) => tf.reshape(t, [-1])),
        );
        return tf.sum(tf.abs(tf.sub(tf.logSoftmax(parts), tf.maximum(parts, 0.1))));
      };
      return tf.grads(loss)([s.floats(4, 6), s.floats(6, 5)]);
    }, 1e-4));
});

function topk(x: tf.Tensor, k: number): tf.Tensor[] {
  const { values, indices } = tf.topk(x, k);
  return [values, indices];
}
