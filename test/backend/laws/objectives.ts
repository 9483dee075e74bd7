/** Entropy and pruned mass, with their gradients. */
import * as tf from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import {
  entropyObjective,
  prunedMassObjective,
  type ObjectiveValue,
  type Selection,
} from "../../../daemon/backend/index.ts";
import type { Pattern } from "../../../daemon/vocabulary.ts";
import * as reference from "../reference.ts";
import { matrix, type Matrix } from "../reference.ts";
import { normals, positives, tensor2d, valuesOf, expectClose, SHAPES } from "./numbers.ts";

async function valuesOfObjective(value: ObjectiveValue): Promise<[number[], number[], number[]]> {
  expect(value.loss.shape).toEqual([]);
  return [await valuesOf(value.loss), await valuesOf(value.gradW), await valuesOf(value.gradC)];
}

/** Loss and both gradients against a float64 loss, differentiated numerically. */
async function expectObjective(
  w: Matrix,
  c: readonly number[],
  run: (w: tf.Tensor2D, c: tf.Tensor1D) => ObjectiveValue,
  loss: (w: Matrix, c: readonly number[]) => number,
): Promise<void> {
  const value = tf.tidy(() => run(tensor2d(w), tf.tensor1d([...c])));
  const [actual, gradW, gradC] = await valuesOfObjective(value);
  expectClose(actual, [loss(w, c)]);
  // Some entries of a large matrix say as much as all of them.
  const some = <T>(all: readonly T[]): T[] =>
    all.filter((_, i) => i % Math.ceil(all.length / 97) === 0);
  const ofW = (values: readonly number[]): number => loss({ ...w, values }, c);
  const wanted = some(w.values.map((_, k) => k)).map((k) => reference.slope(ofW, w.values, k));
  expectClose(some(gradW), wanted, 2e-4);
  const ofC = (values: readonly number[]): number => loss(w, values);
  expectClose(
    gradC,
    c.map((_, k) => reference.slope(ofC, c, k)),
    2e-4,
  );
}

export function entropyLaws(): void {
  for (const axis of [1, 0] as const) {
    test.each(SHAPES)(`axis ${axis}, %i × %i, with gradients`, async (rows, cols) => {
      await expectObjective(
        normals(rows, cols),
        positives(cols),
        (w, c) => entropyObjective(w, c, axis),
        (w, c) => reference.entropy(w, c, axis),
      );
    });
  }

  test("known values: a uniform row has ln n, a single weight has none", async () => {
    const w = tf.tensor2d([3, -3, 3, 3, 3, 0, 5, 0, 0, 0, 0, 0], [2, 6]);
    const c = tf.ones<tf.Rank.R1>([6]);
    const [loss, gradW] = await valuesOfObjective(entropyObjective(w, c, 1));
    expectClose(loss, [Math.log(5)]);
    expectClose(
      gradW,
      gradW.map(() => 0),
    );
    tf.dispose([w, c]);
  });

  test("rows, columns and inputs of no importance have no entropy and no gradient", async () => {
    const w = tf.tensor2d([0, 0, 0, 1, 0, 2, 0, 0, 0], [3, 3]);
    const c = tf.tensor1d([1, 1, 0]);
    for (const axis of [0, 1] as const) {
      const [loss, gradW, gradC] = await valuesOfObjective(entropyObjective(w, c, axis));
      expect(loss).toEqual([0]);
      expect(gradW.map((g) => g + 0)).toEqual(Array(9).fill(0));
      expect(gradC.map((g) => g + 0)).toEqual([0, 0, 0]);
    }
    tf.dispose([w, c]);
  });

  test("tiny and huge weights lose no accuracy", async () => {
    const w = matrix(2, 9, (i, j) => 10 ** (i === 0 ? -8 : 6) * (1 + j));
    const c = Array(9).fill(1) as number[];
    const value = tf.tidy(() => entropyObjective(tensor2d(w), tf.tensor1d(c), 1));
    const [loss] = await valuesOfObjective(value);
    expectClose(loss, [reference.entropy(w, c, 1)]);
  });
}

const PATTERNS: readonly Pattern[] = [
  { kind: "nm", keep: 2, of: 4 },
  { kind: "nm", keep: 4, of: 8 },
  { kind: "nm", keep: 1, of: 3 },
  { kind: "unstructured", share: 0.5 },
  { kind: "unstructured", share: 0.3 },
];

function selection(pattern: Pattern, cols: number): Selection {
  return pattern.kind === "nm"
    ? pattern
    : { kind: "count", count: Math.floor(pattern.share * cols) };
}

export function prunedMassLaws(): void {
  for (const pattern of PATTERNS) {
    const name = pattern.kind === "nm" ? `${pattern.keep}:${pattern.of}` : `${pattern.share}`;
    const shapes: [number, number][] = [
      [1, 24],
      [5, 24],
      [70, 48],
    ];
    test.each(shapes)(`${name}, %i × %i, with gradients`, async (rows, cols) => {
      const [w, c] = [normals(rows, cols), positives(cols)];
      const mask = reference.lowestMask(reference.importance(w, c), selection(pattern, cols));
      await expectObjective(
        w,
        c,
        (w, c) => prunedMassObjective(w, c, pattern),
        (w, c) => reference.prunedShare(w, c, mask),
      );
    });
  }

  test("odd rows: floor(share · cols) of each go", async () => {
    const w = tf.ones<tf.Rank.R2>([2, 7]);
    const c = tf.ones<tf.Rank.R1>([7]);
    const value = prunedMassObjective(w, c, { kind: "unstructured", share: 0.5 });
    const [loss] = await valuesOfObjective(value);
    expectClose(loss, [2 * (3 / 7)]);
    tf.dispose([w, c]);
  });

  test("of equal weights the left go: their gradient pulls down, the others' up", async () => {
    const w = tf.ones<tf.Rank.R2>([1, 8]);
    const c = tf.ones<tf.Rank.R1>([8]);
    // S = 8, L/S = ½; ∂f/∂s = (m − ½)/8; ∂f/∂w = 2 · that.
    for (const [pattern, pruned] of [
      [{ kind: "nm", keep: 2, of: 4 }, [1, 1, 0, 0, 1, 1, 0, 0]],
      [{ kind: "unstructured", share: 0.5 }, [1, 1, 1, 1, 0, 0, 0, 0]],
    ] as const) {
      const [loss, gradW] = await valuesOfObjective(prunedMassObjective(w, c, pattern));
      expectClose(loss, [0.5]);
      expectClose(
        gradW,
        pruned.map((m) => (m - 0.5) / 4),
      );
    }
    tf.dispose([w, c]);
  });

  test("a row of zeros loses nothing and pulls nowhere", async () => {
    const w = tf.tensor2d([0, 0, 0, 0, 1, 2, 3, 4], [2, 4]);
    const c = tf.ones<tf.Rank.R1>([4]);
    for (const pattern of [
      { kind: "nm", keep: 2, of: 4 },
      { kind: "unstructured", share: 0.5 },
    ] as const) {
      const [loss, gradW] = await valuesOfObjective(prunedMassObjective(w, c, pattern));
      expectClose(loss, [5 / 30]);
      expect(gradW.slice(0, 4).map((g) => g + 0)).toEqual([0, 0, 0, 0]);
    }
    tf.dispose([w, c]);
  });
}
