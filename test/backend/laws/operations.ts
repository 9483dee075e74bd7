/** The other operations of TensorFlow.js that the engine uses, and that a backend of ours may replace. */
import * as tf from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import * as reference from "../reference.ts";
import { matrix, type Matrix } from "../reference.ts";
import { normals, tensor2d, valuesOf, expectClose } from "./numbers.ts";

export function operationLaws(): void {
  const x = matrix(3, 5, (i, j) => Math.sin(3 * i + j + 0.5) * 2);
  const rowsOf = (m: Matrix): number[][] =>
    Array.from({ length: m.rows }, (_, i) => m.values.slice(i * m.cols, (i + 1) * m.cols));
  const softmax = (row: number[]): number[] => {
    const exps = row.map(Math.exp);
    const sum = exps.reduce((a, b) => a + b, 0);
    return exps.map((e) => e / sum);
  };

  const cases: Record<string, [run: (t: tf.Tensor2D) => tf.Tensor, wanted: number[]]> = {
    softmax: [(t) => tf.softmax(t), rowsOf(x).flatMap(softmax)],
    logSoftmax: [(t) => tf.logSoftmax(t), rowsOf(x).flatMap((row) => softmax(row).map(Math.log))],
    sigmoid: [(t) => tf.sigmoid(t), x.values.map((v) => 1 / (1 + Math.exp(-v)))],
    rsqrt: [(t) => tf.rsqrt(tf.square(t)), x.values.map((v) => 1 / Math.abs(v))],
    "sum over rows": [(t) => tf.sum(t, 1), rowsOf(x).map((row) => row.reduce((a, b) => a + b, 0))],
    mean: [(t) => tf.mean(t), [x.values.reduce((a, b) => a + b, 0) / 15]],
    max: [(t) => tf.max(t), [Math.max(...x.values)]],
    transpose: [(t) => tf.transpose(t), [...reference.transpose(x).values]],
    gather: [(t) => tf.gather(t, [2, 0, 2]), [2, 0, 2].flatMap((i) => rowsOf(x)[i] ?? [])],
    concat: [(t) => tf.concat([t, t], 1), rowsOf(x).flatMap((row) => [...row, ...row])],
    slice: [(t) => tf.slice(t, [1, 2], [2, 2]), [7, 8, 12, 13].map((i) => x.values[i] ?? NaN)],
    cumsum: [
      (t) => tf.cumsum(t, 1),
      rowsOf(x).flatMap((row) => row.map((_, j) => row.slice(0, j + 1).reduce((a, b) => a + b, 0))),
    ],
    where: [
      (t) => tf.where(tf.greater(t, 0), t, tf.zerosLike(t)),
      x.values.map((v) => Math.max(0, v)),
    ],
    topk: [
      (t) => tf.topk(t, 2).values,
      rowsOf(x).flatMap((row) => row.sort((a, b) => b - a).slice(0, 2)),
    ],
    "row-wise product": [
      (t) => tf.mul(t, tf.tensor1d([1, 2, 3, 4, 5])),
      x.values.map((v, i) => v * ((i % 5) + 1)),
    ],
    eye: [(t) => tf.matMul(t, tf.eye(5)), [...x.values]],
  };
  test.each(Object.entries(cases))("%s", async (_, [run, wanted]) => {
    expectClose(await valuesOf(tf.tidy(() => run(tensor2d(x)))), wanted);
  });

  test.each([
    [1, 7],
    [4, 4],
    [33, 38],
    [70, 3],
  ])("transpose %i × %i, alone and in a batch", async (rows, cols) => {
    const [a, b] = [normals(rows, cols), normals(rows, cols)];
    const wanted = [a, b].map((m) => [...reference.transpose(m).values]);
    expect(await valuesOf(tf.tidy(() => tf.transpose(tensor2d(a))))).toEqual(wanted[0]);
    const both = tf.tidy(() => tf.transpose(tf.stack([tensor2d(a), tensor2d(b)]), [0, 2, 1]));
    expect(both.shape).toEqual([2, cols, rows]);
    expect(await valuesOf(both)).toEqual(wanted.flat());
  });

  test("unsortedSegmentSum, the gradient of an embedding lookup", async () => {
    const sums = tf.tidy(() => {
      const received = tf.tensor2d([1, 2, 3, 4, 5, 6, 7, 8], [4, 2]);
      return tf.unsortedSegmentSum(received, tf.tensor1d([1, 3, 1, 0], "int32"), 4);
    });
    expect(await valuesOf(sums)).toEqual([7, 8, 1 + 5, 2 + 6, 0, 0, 3, 4]);
  });
}
