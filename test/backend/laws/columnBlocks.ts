/** A matrix worked through by blocks of columns. */
import * as tf from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { columnBlocks } from "../../../daemon/backend/index.ts";
import { at, matrix, type Matrix } from "../reference.ts";
import { expectClose, normals, tensor2d, upper, valuesOf } from "./numbers.ts";

const columnsOf = (m: Matrix, start: number, width: number): Matrix =>
  matrix(m.rows, width, (i, j) => at(m, i, start + j));

export function columnBlockLaws(): void {
  test.each([
    [1, 1, 1],
    [5, 8, 3],
    [3, 12, 4],
    [40, 70, 32],
  ])("%i × %i by %i: each block is seen with the errors of all before", async (rows, n, width) => {
    const [w, u] = [normals(rows, n), upper(n)];
    const [weights, errors] = [normals(rows, n), normals(rows, n)];
    /** The column as it is when the blocks before `start` are done. */
    const carried = (i: number, j: number, start: number): number => {
      let value = at(w, i, j);
      for (let k = 0; k < start; k++) value -= at(errors, i, k) * at(u, k, j);
      return value;
    };
    const [wide, factor] = [tensor2d(w), tensor2d(u)];
    const before = tf.memory().numTensors;
    const seen: tf.Tensor2D[] = [];
    const whole = tf.tidy(() => {
      const blocks = columnBlocks(wide);
      for (let start = 0; start < n; start += width) {
        const size = Math.min(width, n - start);
        seen.push(tf.keep(blocks.next(size)));
        const block = {
          weights: tensor2d(columnsOf(weights, start, size)),
          errors: tensor2d(columnsOf(errors, start, size)),
        };
        blocks.replace(block, factor);
      }
      return blocks.finish();
    });
    expect(tf.memory().numTensors - before).toBe(1 + seen.length);
    for (const [b, block] of seen.entries()) {
      const start = b * width;
      const [, size] = block.shape;
      const wanted = matrix(rows, size, (i, j) => carried(i, start + j, start));
      expectClose(await valuesOf(block), [...wanted.values]);
    }
    expect(await valuesOf(whole)).toEqual([...weights.values].map(Math.fround));
    expect(await valuesOf(wide)).toEqual([...w.values].map(Math.fround));
    factor.dispose();
  });
}
