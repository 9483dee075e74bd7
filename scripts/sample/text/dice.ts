/** Choices of the grammar, all drawn from one seeded generator, so a text is a function of its seed. */
import { seededRandom, type SeededRandom } from "../../../daemon/random.ts";

/** At most this many nested `{…|…}`; templates are ours, so more is a typing error. */
const MAX_DEPTH = 8;

export class Dice {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** Integer, `0 ≤ x < n`. */
  below(n: number): number {
    return this.#random.integer(n);
  }

  /** Integer, `low ≤ x ≤ high`. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(p: number): boolean {
    return this.#random.next() < p;
  }

  pick<T>(list: readonly T[]): T {
    const item = list[this.below(list.length)];
    if (item === undefined) throw new RangeError("pick from an empty list");
    return item;
  }

  /** Like {@link pick}, but the earlier the likelier, as words of a language are: P(rank < r) = (r/n)^¼. */
  common<T>(list: readonly T[]): T {
    const item = list[Math.floor(list.length * this.#random.next() ** 4)];
    if (item === undefined) throw new RangeError("pick from an empty list");
    return item;
  }

  /** `n` different items in random order (the first steps of a Fisher–Yates shuffle). */
  sample<T>(list: readonly T[], n: number): T[] {
    const rest = [...list];
    return Array.from({ length: Math.min(n, list.length) }, () => {
      const [item] = rest.splice(this.below(rest.length), 1);
      return item as T;
    });
  }

  /**
   * Expands a template: `{a|b|c}` becomes one of its alternatives, chosen evenly; alternatives nest and may be
   * empty. Everything else stands for itself.
   */
  say(template: string): string {
    let text = template;
    for (let depth = 0; text.includes("{"); depth++) {
      if (depth === MAX_DEPTH) throw new RangeError(`unbalanced template: ${template}`);
      text = text.replace(/\{([^{}]*)\}/g, (_, body: string) => this.pick(body.split("|")));
    }
    return text;
  }
}
