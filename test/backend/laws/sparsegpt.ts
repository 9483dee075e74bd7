/** SparseGPT's inner loop. */
import * as tf from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { sparsegptBlock } from "../../../daemon/backend/index.ts";
import * as reference from "../reference.ts";
import { normals, upper, tensor2d, valuesOf, expectClose, random } from "./numbers.ts";

export function sparsegptLaws(): void {
  test.each([
    [1, 8, 2, 4],
    [5, 16, 2, 4],
    [3, 24, 4, 8],
    [9, 12, 1, 3],
    [4, 6, 1, 2],
    [300, 8, 2, 4],
  ])("%i × %i, keeping %i of %i", async (rows, b, keep, of) => {
    const [w, u] = [normals(rows, b), upper(b)];
    const select = { kind: "nm", keep, of } as const;
    const block = tf.tidy(() => sparsegptBlock(tensor2d(w), tensor2d(u), select));
    const wanted = reference.sparsegpt(w, u, select);
    const weights = await valuesOf(block.weights);
    expect(weights.map((x) => x === 0)).toEqual(wanted.weights.map((x) => x === 0));
    expectClose(weights, wanted.weights, 1e-4);
    expectClose(await valuesOf(block.errors), wanted.errors, 1e-4);
  });

  test.each([
    [1, 1],
    [6, 7],
    [4, 21],
  ])("%i × %i with a mask", async (rows, b) => {
    const [w, u] = [normals(rows, b), upper(b)];
    const mask = w.values.map(() => random.next() < 0.5);
    const block = tf.tidy(() => {
      const chosen = tf.tensor2d(mask, [rows, b], "bool");
      return sparsegptBlock(tensor2d(w), tensor2d(u), { kind: "mask", mask: chosen });
    });
    const wanted = reference.sparsegpt(w, u, { kind: "mask", mask });
    expectClose(await valuesOf(block.weights), wanted.weights, 1e-4);
    expectClose(await valuesOf(block.errors), wanted.errors, 1e-4);
  });

  test("of equal scores in a group the left go", async () => {
    const block = tf.tidy(() =>
      sparsegptBlock(tf.ones([2, 4]), tf.eye(4), { kind: "nm", keep: 2, of: 4 }),
    );
    expect(await valuesOf(block.weights)).toEqual([0, 0, 1, 1, 0, 0, 1, 1]);
    expect(await valuesOf(block.errors)).toEqual([1, 1, 0, 0, 1, 1, 0, 0]);
  });
}
