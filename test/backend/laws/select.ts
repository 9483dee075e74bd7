/** Masks: exact counts, ties by column. */
import * as tf from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { selectLowest, type Selection } from "../../../daemon/backend/index.ts";
import * as reference from "../reference.ts";
import { matrix, type Matrix } from "../reference.ts";
import { normals, tensor2d, valuesOf, random } from "./numbers.ts";

export function selectLaws(): void {
  const expectMask = async (scores: Matrix, select: Selection): Promise<void> => {
    const mask = tf.tidy(() => selectLowest(tensor2d(scores), select));
    expect(mask.dtype).toBe("bool");
    const actual = (await valuesOf(mask)).map(Boolean);
    expect(actual).toEqual(reference.lowestMask(scores, select));
  };

  const kinds: Record<string, (i: number, j: number) => number> = {
    "all different": () => random.next(),
    "few values, many ties": () => random.integer(3),
    "all equal": () => 1,
    "mostly zero": () => (random.next() < 0.8 ? 0 : random.next()),
    "differing in the last bits": () => 1 + random.integer(40) * 2 ** -23,
    "over all magnitudes": () => 10 ** (60 * random.next() - 30),
  };
  for (const [kind, value] of Object.entries(kinds)) {
    test.each([
      [3, 24],
      [2, 600],
    ])(`${kind}, %i × %i`, async (rows, cols) => {
      const scores = matrix(rows, cols, value);
      for (const [keep, of] of [
        [2, 4],
        [1, 4],
        [4, 8],
        [2, 3],
      ] as const) {
        await expectMask(scores, { kind: "nm", keep, of });
      }
      for (const count of [1, Math.floor(cols / 3), cols / 2, cols - 1]) {
        await expectMask(scores, { kind: "count", count });
      }
    });
  }

  test.each([1, 2, 5, 7, 31, 257])("rows of %i", async (cols) => {
    const scores = matrix(3, cols, () => random.next());
    await expectMask(scores, { kind: "count", count: Math.floor(cols / 2) });
  });

  test("none and all", async () => {
    const scores = normals(2, 5);
    await expectMask(reference.importance(scores, [1, 1, 1, 1, 1]), { kind: "count", count: 0 });
    await expectMask(reference.importance(scores, [1, 1, 1, 1, 1]), { kind: "count", count: 5 });
  });

  test("minus zero is zero", async () => {
    const mask = tf.tidy(() =>
      selectLowest(tf.tensor2d([0, -0, 0, -0], [1, 4]), { kind: "count", count: 2 }),
    );
    expect(await valuesOf(mask)).toEqual([1, 1, 0, 0]);
  });
}
