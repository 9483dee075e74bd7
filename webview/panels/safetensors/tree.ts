/** Tensor names as a tree of their dotted parts: pure functions, the view is `treeView.ts`. */
import type { TensorView } from "../../messages.ts";

export interface TreeNode {
  /** What stands in the row: one part, or several where nothing branches between. */
  readonly label: string;
  /** The whole dotted path; unique. */
  readonly path: string;
  readonly children: readonly TreeNode[];
  /** Of a leaf. */
  readonly tensor: TensorView | null;
  /** Tensors and bytes below, itself included. */
  readonly count: number;
  readonly bytes: number;
}

/** A line of the tree as it is shown. */
export interface TreeRow {
  readonly node: TreeNode;
  /** From 1. */
  readonly level: number;
  readonly expanded: boolean;
  /** Place among its siblings, from 1, and how many there are. */
  readonly position: number;
  readonly siblings: number;
}

interface Draft {
  readonly parts: Map<string, Draft>;
  tensor: TensorView | null;
}

/** Numbers in names are numbers: layer 9 comes before layer 10. */
const collator = new Intl.Collator("en", { numeric: true });

export function buildTree(tensors: readonly TensorView[]): TreeNode[] {
  const root: Draft = { parts: new Map(), tensor: null };
  for (const tensor of tensors) {
    let at = root;
    for (const part of tensor.name.split(".")) {
      let next = at.parts.get(part);
      if (next === undefined) {
        next = { parts: new Map(), tensor: null };
        at.parts.set(part, next);
      }
      at = next;
    }
    at.tensor = tensor;
  }
  return childrenOf(root, "");
}

function childrenOf(draft: Draft, prefix: string): TreeNode[] {
  return [...draft.parts]
    .sort(([a], [b]) => collator.compare(a, b))
    .map(([part, child]) => nodeOf(part, child, prefix));
}

function nodeOf(part: string, draft: Draft, prefix: string): TreeNode {
  let [label, at] = [part, draft];
  // `self_attn.q_proj` with `weight` alone below is one line.
  while (at.tensor === null && at.parts.size === 1) {
    const [only] = at.parts;
    if (only === undefined) break;
    label += `.${only[0]}`;
    at = only[1];
  }
  const path = prefix + label;
  const children = childrenOf(at, `${path}.`);
  const sum = (of: (node: TreeNode) => number): number =>
    children.reduce((total, node) => total + of(node), 0);
  return {
    label,
    path,
    children,
    tensor: at.tensor,
    count: sum((node) => node.count) + (at.tensor === null ? 0 : 1),
    bytes: sum((node) => node.bytes) + (at.tensor?.bytes ?? 0),
  };
}

/** Whether a name holds every word of the search, in any order and case. */
export function matches(name: string, search: string): boolean {
  const lower = name.toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => lower.includes(word));
}

/** The part of the tree with the tensors that match; branches without any are left out. */
export function filterTree(nodes: readonly TreeNode[], search: string): readonly TreeNode[] {
  if (search.trim() === "") return nodes;
  const kept = (node: TreeNode): TreeNode | null => {
    const children = node.children.map(kept).filter((child) => child !== null);
    const own = node.tensor !== null && matches(node.tensor.name, search.trim());
    if (!own && children.length === 0) return null;
    const sum = (of: (child: TreeNode) => number): number =>
      children.reduce((total, child) => total + of(child), 0);
    return {
      ...node,
      children,
      tensor: own ? node.tensor : null,
      count: sum((child) => child.count) + (own ? 1 : 0),
      bytes: sum((child) => child.bytes) + (own ? node.tensor.bytes : 0),
    };
  };
  return nodes.map(kept).filter((node) => node !== null);
}

/** The lines to show. @param isExpanded by path */
export function rowsOf(
  nodes: readonly TreeNode[],
  isExpanded: (path: string) => boolean,
): TreeRow[] {
  const rows: TreeRow[] = [];
  const add = (siblings: readonly TreeNode[], level: number): void => {
    for (const [i, node] of siblings.entries()) {
      const expanded = node.children.length > 0 && isExpanded(node.path);
      rows.push({ node, level, expanded, position: i + 1, siblings: siblings.length });
      if (expanded) add(node.children, level + 1);
    }
  };
  add(nodes, 1);
  return rows;
}

/** Paths of the branches that lead to a tensor. */
export function branchesTo(nodes: readonly TreeNode[], tensor: string): string[] {
  for (const node of nodes) {
    if (node.tensor?.name === tensor) return [];
    if (!tensor.startsWith(`${node.path}.`)) continue;
    return [node.path, ...branchesTo(node.children, tensor)];
  }
  return [];
}
