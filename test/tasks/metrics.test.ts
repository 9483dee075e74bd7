/** Accuracies of small tables, worked out by hand. */
import { expect, test } from "vitest";
import { figure, isRight, type Item } from "../../daemon/tasks/index.ts";

const item = (choices: readonly string[], gold: number): Item => ({ requests: [], choices, gold });

test("each metric by its own length", () => {
  // 2 characters of 3 bytes each against 4 characters of 4 bytes.
  const choices = ["日本", "abcd"];
  const scores = [-6, -8];
  // per choice −6 > −8; per character −3 < −2; per byte −1 > −2
  expect(isRight("acc", item(choices, 0), scores)).toBe(true);
  expect(isRight("acc_norm", item(choices, 1), scores)).toBe(true);
  expect(isRight("acc_bytes", item(choices, 0), scores)).toBe(true);
});

test("the first of equal choices is the answer", () => {
  expect(isRight("acc", item(["a", "b"], 0), [-1, -1])).toBe(true);
  expect(isRight("acc", item(["a", "b"], 1), [-1, -1])).toBe(false);
});

test("mean and standard error: 3 of 4", () => {
  const items = [0, 1, 1, 0].map((gold) => item(["a", "b"], gold));
  const scores = [
    [-1, -2],
    [-3, -2],
    [-3, -4],
    [-1, -9],
  ];
  const { value, stderr } = figure("acc", items, scores);
  expect(value).toBe(0.75);
  // deviations ¼ ¼ ¼ ¾: squares sum to ¾, over n − 1 = 3 gives ¼, its root ½, over √4
  expect(stderr).toBeCloseTo(0.25, 12);
});

test("one item has no standard error, all right have none to speak of", () => {
  const one = item(["a", "b"], 0);
  expect(figure("acc", [one], [[-1, -2]])).toEqual({ value: 1, stderr: null });
  const both = [
    [-1, -2],
    [-1, -2],
  ];
  expect(figure("acc", [one, one], both)).toEqual({ value: 1, stderr: 0 });
});
