/**
 * How far a run is, weighed by the seconds each stage should take, and the seconds each took. Stages may come in any
 * order (a shared rotation collects all its layers first); starting one finishes the one before.
 */
import type { RunListener, Stage } from "./events.ts";
import type { StageSeconds } from "./runWork.ts";

/** Of a layer's stage, or a part of one outside the layers. */
const keyOf = (stage: Stage, layer: number | null, part = ""): string =>
  JSON.stringify([stage, layer, part]);

interface Current {
  readonly stage: Stage;
  readonly layer: number | null;
  readonly key: string;
  readonly since: number;
  share: number;
}

export class Progress {
  readonly #weights = new Map<string, number>();
  readonly #done = new Set<string>();
  readonly #seconds = new Map<Stage, number>();
  #current: Current | null = null;
  #fraction = 0;

  /** @param stages all that there is to do */
  constructor(
    private readonly layers: number,
    stages: readonly StageSeconds[],
    private readonly listener: RunListener,
  ) {
    for (const { stage, layer, part, seconds } of stages) {
      this.#weights.set(keyOf(stage, layer, part), seconds);
    }
  }

  start(stage: Stage, layer: number | null = null, part?: string): void {
    this.#finish();
    const key = keyOf(stage, layer, part);
    this.#current = { stage, layer, key, share: 0, since: performance.now() };
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

  /** A part outside the layers that an earlier run has finished. */
  skipPart(stage: Stage, part: string): void {
    this.#done.add(keyOf(stage, null, part));
  }

  /** Seconds by stage so far. */
  finish(): Partial<Record<Stage, number>> {
    this.#finish();
    return Object.fromEntries(this.#seconds);
  }

  #finish(): void {
    if (!this.#current) return;
    const { stage, key, since } = this.#current;
    this.#done.add(key);
    const spent = (performance.now() - since) / 1000;
    this.#seconds.set(stage, (this.#seconds.get(stage) ?? 0) + spent);
    this.#current = null;
  }

  #tell(): void {
    if (!this.#current) return;
    const { stage, layer, key: current, share } = this.#current;
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
