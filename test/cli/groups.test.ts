import { expect, test } from "vitest";
import { groupByLayer } from "../../daemon/cli/groups.ts";
import { editDistance, nearest } from "../../daemon/cli/inspect/nearest.ts";

const grouped = (names: string[], likeness: (name: string) => string = () => "") =>
  groupByLayer(
    names.map((name) => ({ name })),
    ({ name }) => likeness(name),
  ).map(({ label, members }) => `${label} ${members.length}`);

test("the same tensor of all layers is one row, in order of first sight", () => {
  expect(
    grouped([
      "embed",
      "layers.0.q",
      "layers.0.k",
      "layers.1.q",
      "layers.1.k",
      "layers.10.q",
      "norm",
    ]),
  ).toEqual(["embed 1", "layers.{0–1, 10}.q 3", "layers.{0–1}.k 2", "norm 1"]);
});

test("tensors that differ in kind are not one row", () => {
  expect(grouped(["l.0.w", "l.1.w", "l.2.w"], (name) => String(name.includes("1")))).toEqual([
    "l.{0, 2}.w 2",
    "l.1.w 1",
  ]);
});

test("numbers inside words and with leading zeros are no layer", () => {
  expect(grouped(["conv1.w", "conv2.w", "b.01.w", "b.1.w"])).toEqual([
    "conv1.w 1",
    "conv2.w 1",
    "b.01.w 1",
    "b.1.w 1",
  ]);
});

test("hostile names are shown as they are", () => {
  expect(grouped(["a\u001b[31m"])).toEqual(["a\\u001b[31m 1"]);
});

test("edit distance", () => {
  expect(editDistance("kitten", "sitting")).toBe(3);
  expect(editDistance("", "abc")).toBe(3);
  expect(editDistance("same", "same")).toBe(0);
});

test("nearest offers what contains the word, else what is a few keys away", () => {
  const names = ["model.norm.weight", "model.layers.0.mlp.up_proj.weight", "lm_head.weight"];
  expect(nearest("up_proj", names)).toEqual([names[1]]);
  expect(nearest("model.nrom.weight", names)).toEqual([names[0]]);
  expect(nearest("zzzz", names)).toEqual([]);
});
