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

/** And those of a group of four that is pruned unevenly. */
const SOFT_PATTERNS: readonly Pattern[] = [
  ...PATTERNS,
  { kind: "nm", keep: 3, of: 4 },
  { kind: "nm", keep: 1, of: 4 },
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
        (w, c) => reference.prunedShare(w, c, mask.map(Number)),
      );
    });
  }

  for (const temperature of [2, 0.5, 0.1]) {
    for (const pattern of SOFT_PATTERNS) {
      const name = pattern.kind === "nm" ? `${pattern.keep}:${pattern.of}` : `${pattern.share}`;
      const shapes: [number, number][] =
        pattern.kind === "nm"
          ? [
              [1, pattern.of],
              [5, 11 * pattern.of],
            ]
          : [
              [1, 7],
              [3, 33],
              [2, 301],
            ];
      test.each(shapes)(
        `${name} at ${temperature}, %i × %i, with gradients`,
        async (rows, cols) => {
          const [w, c] = [normals(rows, cols), positives(cols)];
          const scores = reference.importance(w, c);
          const mask = reference.softMask(scores, selection(pattern, cols), temperature);
          await expectObjective(
            w,
            c,
            (w, c) => prunedMassObjective(w, c, pattern, temperature),
            (w, c) => reference.prunedShare(w, c, mask),
          );
        },
      );
    }
  }

  test("cooled, the soft mask is the pattern's", async () => {
    // Neighbours in size differ by a tenth, far more than rounding does.
    const w = matrix(3, 72, (i, j) => 1.1 ** (((i + 5) * j * 7) % 73));
    const c = Array(72).fill(1) as number[];
    for (const pattern of SOFT_PATTERNS) {
      const mask = reference.lowestMask(reference.importance(w, c), selection(pattern, 72));
      await expectObjective(
        w,
        c,
        (w, c) => prunedMassObjective(w, c, pattern, 1e-3),
        (w, c) => reference.prunedShare(w, c, mask.map(Number)),
      );
    }
  });

  test("between equal scores the soft mask is a half, at every temperature", async () => {
    const w = tf.tensor2d([3, 1, 2, 2, 2, 1, 3, 2, 2, 2, 2, 2], [1, 12]);
    const c = tf.ones<tf.Rank.R1>([12]);
    const s = [9, 1, 4, 4, 4, 1, 9, 4, 4, 4, 4, 4];
    const sum = 52;
    for (const temperature of [1e-6, 1e-3, 1, 100]) {
      // θ = 4 in each group of four, and in the row for a share of a half.
      const m = s.map((x) => 1 / (1 + (x / 4) ** (1 / temperature)));
      const share = m.reduce((total, x, j) => total + x * (s[j] ?? NaN), 0) / sum;
      for (const pattern of [
        { kind: "nm", keep: 2, of: 4 },
        { kind: "nm", keep: 3, of: 6 },
        { kind: "unstructured", share: 0.5 },
      ] as const) {
        const value = prunedMassObjective(w, c, pattern, temperature);
        const [loss, gradW, gradC] = await valuesOfObjective(value);
        expectClose(loss, [share]);
        const gradS = m.map((x) => (x - share) / sum);
        expectClose(
          gradW,
          gradS.map((g, j) => 2 * Math.sqrt(s[j] ?? NaN) * g),
        );
        expectClose(
          gradC,
          gradS.map((g, j) => (s[j] ?? NaN) * g),
        );
      }
    }
    tf.dispose([w, c]);
  });

  test("a pattern that prunes nothing or everything has no border to soften", async () => {
    const w = tf.tensor2d([1, 2, 3, 4], [1, 4]);
    const c = tf.ones<tf.Rank.R1>([4]);
    for (const [pattern, lost] of [
      [{ kind: "nm", keep: 4, of: 4 }, 0],
      [{ kind: "nm", keep: 0, of: 4 }, 1],
      [{ kind: "unstructured", share: 0.1 }, 0],
      [{ kind: "unstructured", share: 1 }, 1],
    ] as const) {
      const [loss, gradW] = await valuesOfObjective(prunedMassObjective(w, c, pattern, 1));
      expectClose(loss, [lost]);
      expectClose(gradW, [0, 0, 0, 0]);
    }
    tf.dispose([w, c]);
  });

  test("a temperature that is no temperature is refused", () => {
    const w = tf.ones<tf.Rank.R2>([1, 4]);
    const c = tf.ones<tf.Rank.R1>([4]);
    for (const temperature of [-1, 1e-9, NaN, Infinity]) {
      expect(() => prunedMassObjective(w, c, { kind: "nm", keep: 2, of: 4 }, temperature)).toThrow(
        "A temperature is 0 or at least",
      );
    }
    tf.dispose([w, c]);
  });

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
    // θ² = 4 · 9
    const softened = [1, 4, 9, 16].reduce((sum, s) => sum + s / (1 + s / 6), 0) / 30;
    for (const [temperature, lost] of [
      [0, 5 / 30],
      [1, softened],
    ] as const) {
      for (const pattern of [
        { kind: "nm", keep: 2, of: 4 },
        { kind: "unstructured", share: 0.5 },
      ] as const) {
        const value = prunedMassObjective(w, c, pattern, temperature);
        const [loss, gradW] = await valuesOfObjective(value);
        expectClose(loss, [lost]);
        expect(gradW.slice(0, 4).map((g) => g + 0)).toEqual([0, 0, 0, 0]);
      }
    }
    tf.dispose([w, c]);
  });

  test("weights that are zero go before all others, wherever the border is", async () => {
    const w = matrix(2, 24, (i, j) => ((i + j) % 3 === 0 ? 1 + j : 0));
    const c = positives(24);
    for (const pattern of SOFT_PATTERNS) {
      const scores = reference.importance(w, c);
      const mask = reference.softMask(scores, selection(pattern, 24), 0.5);
      await expectObjective(
        w,
        c,
        (w, c) => prunedMassObjective(w, c, pattern, 0.5),
        (w, c) => reference.prunedShare(w, c, mask),
      );
    }
  });
}
