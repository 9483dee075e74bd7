/** Random matrices, tensors of them, and how close is close. */
import * as tf from "@tensorflow/tfjs-core";
import { expect } from "vitest";
import { seededRandom } from "../../../daemon/random.ts";
import { matrix, type Matrix } from "../reference.ts";

export const random = seededRandom(7);

export function normals(rows: number, cols: number): Matrix {
  return matrix(rows, cols, () => random.normal());
}

export function positives(count: number): number[] {
  return [...Float32Array.from({ length: count }, () => 0.1 + random.next())];
}

/** Upper triangular and positive on the diagonal, as a Cholesky factor is. */
export function upper(b: number): Matrix {
  return matrix(b, b, (i, j) =>
    i === j ? 0.5 + random.next() : i < j ? 0.4 * random.normal() : 0,
  );
}

export function tensor2d(m: Matrix): tf.Tensor2D {
  return tf.tensor2d([...m.values], [m.rows, m.cols], "float32");
}

/** Values of a tensor that is then no longer needed. */
export async function valuesOf(tensor: tf.Tensor): Promise<number[]> {
  const values = [...(await tensor.data())];
  tensor.dispose();
  return values;
}

/** Close in float32: relative to the largest value, since sums of many terms cancel. */
export function expectClose(
  actual: readonly number[],
  wanted: readonly number[],
  tolerance = 2e-5,
): void {
  expect(actual.length).toBe(wanted.length);
  const scale = Math.max(1e-2, ...wanted.map(Math.abs));
  actual.forEach((value, i) => {
    const difference = Math.abs(value - (wanted[i] ?? NaN)) / scale;
    expect(difference, `entry ${i}: ${value}, not ${wanted[i] ?? NaN}`).toBeLessThan(tolerance);
  });
}

/** Sizes that are no multiple of 4, one row, one column, and more than a workgroup of columns. */
export const SHAPES: readonly [rows: number, cols: number][] = [
  [1, 1],
  [3, 5],
  [7, 4],
  [4, 33],
  [70, 12],
  [2, 300],
];

/** Around and around. */
export function nth(all: readonly Matrix[], i: number): Matrix {
  const found = all[i % all.length];
  if (found === undefined) throw new RangeError("none");
  return found;
}
