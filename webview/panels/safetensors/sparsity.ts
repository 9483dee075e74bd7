/** Zeros of tensors as far as they are counted: of those looked at, or of all on request. */
import type { TreeNode } from "./tree.ts";

interface Counted {
  readonly zeros: number;
  readonly count: number;
}

export class Sparsity {
  readonly #counted = new Map<string, Counted>();

  has(tensor: string): boolean {
    return this.#counted.has(tensor);
  }

  set(tensor: string, counted: Counted): void {
    this.#counted.set(tensor, counted);
  }

  /** Of a tensor, or of a branch where all below are counted. */
  of(node: TreeNode): number | undefined {
    const sum = this.#sum(node);
    return sum === null ? undefined : sum.count === 0 ? 0 : sum.zeros / sum.count;
  }

  #sum(node: TreeNode): Counted | null {
    let [zeros, count] = [0, 0];
    if (node.tensor !== null) {
      const own = this.#counted.get(node.tensor.name);
      if (own === undefined) return null;
      [zeros, count] = [own.zeros, own.count];
    }
    for (const child of node.children) {
      const below = this.#sum(child);
      if (below === null) return null;
      zeros += below.zeros;
      count += below.count;
    }
    return { zeros, count };
  }
}
