/** The tree of tensor names: nothing is lost, nothing is twice, and a search finds what it should. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { TensorView } from "../../webview/messages.ts";
import {
  branchesTo,
  buildTree,
  filterTree,
  matches,
  rowsOf,
  type TreeNode,
} from "../../webview/panels/safetensors/tree.ts";

const tensor = (name: string, bytes = 4): TensorView => ({
  name,
  dtype: "F32",
  shape: [1],
  bytes,
  file: 0,
  offset: 0,
});
const leaves = (nodes: readonly TreeNode[]): string[] =>
  nodes.flatMap((node) => [
    ...(node.tensor === null ? [] : [node.tensor.name]),
    ...leaves(node.children),
  ]);

const names = fc.uniqueArray(
  fc
    .array(fc.constantFrom("model", "layers", "0", "1", "10", "weight", "bias", "q"), {
      minLength: 1,
      maxLength: 5,
    })
    .map((parts) => parts.join(".")),
  { maxLength: 40 },
);

test("every tensor is in the tree once, under a path that is its name", () => {
  fc.assert(
    fc.property(names, (list) => {
      const tree = buildTree(list.map((name) => tensor(name)));
      expect(leaves(tree).toSorted()).toEqual(list.toSorted());
      const rows = rowsOf(tree, () => true);
      expect(new Set(rows.map(({ node }) => node.path)).size).toBe(rows.length);
      for (const { node } of rows) {
        if (node.tensor !== null) expect(node.path).toBe(node.tensor.name);
        expect(node.count).toBe(leaves([node]).length);
        expect(node.bytes).toBe(4 * node.count);
      }
    }),
  );
});

test("opening the branches to a tensor shows it", () => {
  fc.assert(
    fc.property(names, (list) => {
      const tree = buildTree(list.map((name) => tensor(name)));
      for (const name of list) {
        const open = new Set(branchesTo(tree, name));
        const rows = rowsOf(tree, (path) => open.has(path));
        expect(rows.some(({ node }) => node.tensor?.name === name)).toBe(true);
      }
    }),
  );
});

test("a search keeps exactly the tensors that match", () => {
  fc.assert(
    fc.property(
      names,
      fc.constantFrom("q", "layers 1", "WEIGHT", "bias 0", "nothing"),
      (list, search) => {
        const tree = buildTree(list.map((name) => tensor(name)));
        const found = leaves(filterTree(tree, search));
        expect(found.toSorted()).toEqual(list.filter((name) => matches(name, search)).toSorted());
      },
    ),
  );
});

test("layers stand in the order of their numbers, and chains without branches are one line", () => {
  const tree = buildTree([10, 9, 2].map((i) => tensor(`model.layers.${i}.mlp.down_proj.weight`)));
  expect(tree.map(({ label }) => label)).toEqual(["model.layers"]);
  expect(tree[0]?.children.map(({ label }) => label)).toEqual([
    "2.mlp.down_proj.weight",
    "9.mlp.down_proj.weight",
    "10.mlp.down_proj.weight",
  ]);
});
