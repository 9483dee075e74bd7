/** Matrix products, with and without transposition, batches, bias and activation. */
import * as tf from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import * as reference from "../reference.ts";
import { type Matrix } from "../reference.ts";
import { normals, positives, tensor2d, valuesOf, expectClose, nth } from "./numbers.ts";

export function matmulLaws(): void {
  test.each([
    [1, 1, 1],
    [3, 5, 7],
    [17, 33, 18],
    [64, 48, 40],
  ])("%i × %i × %i, all four transpositions", async (m, k, n) => {
    const [a, b] = [normals(m, k), normals(k, n)];
    const wanted = reference.product(a, b);
    for (const transposeA of [false, true]) {
      for (const transposeB of [false, true]) {
        const left = tensor2d(transposeA ? reference.transpose(a) : a);
        const right = tensor2d(transposeB ? reference.transpose(b) : b);
        expectClose(await valuesOf(tf.matMul(left, right, transposeA, transposeB)), wanted);
        tf.dispose([left, right]);
      }
    }
  });

  test.each([
    ["equal batches", [2, 3], [2, 3]],
    ["one matrix for all", [2, 3], [1, 1]],
    ["all for one matrix", [1, 1], [2, 3]],
  ])("batches: %s", async (_, batchA, batchB) => {
    const [m, k, n] = [19, 20, 21];
    const count = (batch: number[]): number => batch.reduce((x, y) => x * y, 1);
    const as = Array.from({ length: count(batchA) }, () => normals(m, k));
    const bs = Array.from({ length: count(batchB) }, () => normals(k, n));
    const stack = (all: Matrix[], batch: number[], rows: number, cols: number): tf.Tensor4D =>
      tf.tensor(
        all.flatMap((x) => [...x.values]),
        [...batch, rows, cols] as [number, number, number, number],
      );
    const left = stack(as, batchA, m, k);
    const right = stack(bs, batchB, k, n);
    const wanted = Array.from({ length: 6 }, (_, i) => reference.product(nth(as, i), nth(bs, i)));
    const out = tf.matMul(left, right);
    expect(out.shape).toEqual([2, 3, m, n]);
    expectClose(await valuesOf(out), wanted.flat());
    tf.dispose([left, right]);
  });

  test.each(["linear", "relu", "sigmoid", "elu"] as const)(
    "fused with bias and %s",
    async (activation) => {
      const [a, b] = [normals(18, 19), normals(19, 20)];
      const bias = positives(20);
      const act = {
        linear: (x: number) => x,
        relu: (x: number) => Math.max(0, x),
        sigmoid: (x: number) => 1 / (1 + Math.exp(-x)),
        elu: (x: number) => (x > 0 ? x : Math.expm1(x)),
      }[activation];
      const wanted = reference.product(a, b).map((x, i) => act(x + (bias[i % 20] ?? NaN)));
      const out = tf.tidy(() =>
        tf.fused.matMul({ a: tensor2d(a), b: tensor2d(b), bias: tf.tensor1d(bias), activation }),
      );
      expectClose(await valuesOf(out), wanted);
    },
  );
}
