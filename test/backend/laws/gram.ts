/** The Gram matrix of a batch, added to a sum in place. */
import * as tf from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { addGram } from "../../../daemon/backend/index.ts";
import * as reference from "../reference.ts";
import { expectClose, normals, tensor2d, valuesOf } from "./numbers.ts";

export function gramLaws(): void {
  test.each([
    [3, 5],
    [40, 33],
  ])("%i rows of %i columns, batch after batch, leave one tensor", async (rows, n) => {
    const batches = [normals(rows, n), normals(2 * rows, n)];
    const factors = [1, 0.3];
    const before = tf.memory();
    let sum = tf.zeros<tf.Rank.R2>([n, n]);
    for (const [i, batch] of batches.entries()) {
      const x = tensor2d(batch);
      sum = addGram(sum, x, factors[i]);
      x.dispose();
    }
    const after = tf.memory();
    expect(after.numTensors - before.numTensors).toBe(1);
    expect(after.numBytes - before.numBytes).toBe(4 * n * n);
    const [one, two] = batches.map((x) => reference.product(reference.transpose(x), x));
    const wanted = (one ?? []).map((value, i) => value + 0.3 * (two?.[i] ?? NaN));
    expectClose(await valuesOf(sum), wanted);
  });
}
