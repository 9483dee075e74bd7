/**
 * How far a run is, weighed by the seconds each stage should take, and the seconds each took. Stages may come in any
 * order (a shared rotation collects all its layers first); starting one finishes the one before.
 */
import type { RunListener, Stage } from "./events.ts";

type Key = `${Stage}:${number}`;
const OUTSIDE = -1;
const keyOf = (stage: Stage, layer: number | null): Key => `${stage}:${layer ?? OUTSIDE}`;

export class Progress {
  readonly #weights = new Map<Key, number>();
  readonly #done = new Set<Key>();
  readonly #seconds = new Map<Stage, number>();
  #current: { stage: Stage; layer: number | null; share: number; since: number } | null = null;
  #fraction = 0;

  constructor(
    private readonly layers: number,
    private readonly listener: RunListener,
  ) {}

  /** Announces work before it starts; the unit is the same for all, seconds. */
  weigh(stage: Stage, layer: number | null, work: number): void {
    this.#weights.set(keyOf(stage, layer), work);
  }

  start(stage: Stage, layer: number | null = null): void {
    this.#finish();
    this.#current = { stage, layer, share: 0, since: performance.now() };
    this.#tell();
  }

  /** Share of the current stage that is done, 0…1. */
  at(share: number): void {
    if (!this.#current) return;
    this.#current.share = share;
    this.#tell();
  }

  /** A layer that an earlier run has finished. */
  skip(layer: number): void {
    for (const stage of ["collect", "rotate", "prune", "propagate"] as const) {
      this.#done.add(keyOf(stage, layer));
    }
  }

  /** Seconds by stage so far. */
  finish(): Partial<Record<Stage, number>> {
    this.#finish();
    return Object.fromEntries(this.#seconds);
  }

  #finish(): void {
    if (!this.#current) return;
    const { stage, layer, since } = this.#current;
    this.#done.add(keyOf(stage, layer));
    const spent = (performance.now() - since) / 1000;
    this.#seconds.set(stage, (this.#seconds.get(stage) ?? 0) + spent);
    this.#current = null;
  }

  #tell(): void {
    if (!this.#current) return;
    const { stage, layer, share } = this.#current;
    const current = keyOf(stage, layer);
    let total = 0;
    let done = 0;
    for (const [key, weight] of this.#weights) {
      total += weight;
      if (this.#done.has(key)) done += weight;
      else if (key === current) done += weight * share;
    }
    this.#fraction = Math.max(this.#fraction, total > 0 ? done / total : 0);
    const { layers } = this;
    this.listener({ type: "progress", stage, layer, layers, fraction: this.#fraction });
  }
}
