/** The same tensor of all layers as one row: a model of 80 layers has 723 tensors but a dozen kinds. */
import { printable } from "./terminal/text.ts";

export interface Group<T> {
  /** Printable: `model.layers.{0–31}.mlp.up_proj.weight` where the group has several members. */
  readonly label: string;
  readonly members: readonly T[];
  readonly first: T;
}

/** Groups, in order of their first members, what has the same name but for one number and the same `likeness`. */
export function groupByLayer<T extends { readonly name: string }>(
  items: Iterable<T>,
  likeness: (item: T) => string,
): Group<T>[] {
  const groups = new Map<string, { first: T; members: T[]; indices: number[]; name: NameParts }>();
  for (const item of items) {
    const name = splitName(item.name);
    const key = JSON.stringify([name.before, name.after, name.index === null, likeness(item)]);
    const group = groups.get(key);
    if (group === undefined) {
      const indices = name.index === null ? [] : [name.index];
      groups.set(key, { first: item, members: [item], indices, name });
    } else {
      group.members.push(item);
      if (name.index !== null) group.indices.push(name.index);
    }
  }
  return [...groups.values()].map(({ first, members, indices, name }) => ({
    label: printable(
      members.length === 1 ? first.name : `${name.before}{${ranges(indices)}}${name.after}`,
    ),
    members,
    first,
  }));
}

interface NameParts {
  readonly before: string;
  readonly index: number | null;
  readonly after: string;
}

/** Around the first dotted component that is a number. */
function splitName(name: string): NameParts {
  const match = /^(.*?\.|)(0|[1-9]\d{0,8})(\..*|)$/s.exec(name);
  return match
    ? { before: match[1] ?? "", index: Number(match[2]), after: match[3] ?? "" }
    : { before: name, index: null, after: "" };
}

/** `[0, 1, 2, 5]` → `0–2, 5` */
function ranges(indices: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const index of indices.toSorted((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last?.[1] === index - 1) last[1] = index;
    else runs.push([index, index]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(", ");
}
