/** Steps of a rotation, whatever their length. */
import * as tf from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { move } from "../../../daemon/backend/index.ts";
import { matrix, type Matrix } from "../reference.ts";
import { normals, random, tensor2d, valuesOf } from "./numbers.ts";

export function orthogonalLaws(): void {
  // In the first plane only one long angle; between all other axes many even ones, up to 1.6, as Adam's sign matrices
  // have them. The start of the power iteration nearly misses the plane.
  test.each([2.5, 3, 4, 8, 30])("one angle of %d beside many of 1.6", async (angle) => {
    const n = 200;
    const bulk = 0.8 / Math.sqrt(n);
    const above = normals(n, n);
    const entry = (i: number, j: number): number => {
      if (i < 2 || j < 2) return i + j === 1 ? angle : 0;
      return bulk * Math.sign(above.values[i * n + j] ?? NaN);
    };
    const a = matrix(n, n, (i, j) => (i < j ? entry(i, j) : i > j ? -entry(j, i) : 0));
    const start = matrix(n, 1, (i) => (i < 2 ? 0.01 : 1) * random.normal());
    let r = tf.reshape<tf.Rank.R3>(tf.eye(n), [1, n, n]);
    let power = stack(start);
    const step = stack(a);
    for (let t = 0; t < 3; t++) {
      const moved = tf.tidy(() => ({ ...move(r, step, power) }));
      tf.dispose([r, power]);
      ({ r, power } = moved);
      const gram = tf.tidy(() => tf.sub(tf.matMul(r, r, true, false), tf.eye(n)));
      const error = (await valuesOf(gram)).reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      expect(error, `RᵀR − I after step ${t + 1}`).toBeLessThan(1e-3);
    }
    tf.dispose([r, power, step]);
  });
}

function stack(m: Matrix): tf.Tensor3D {
  const { rows, cols } = m;
  return tf.tidy(() => tf.reshape(tensor2d(m), [1, rows, cols]));
}
