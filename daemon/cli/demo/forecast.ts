/** How far a row of runs is, when runs of two kinds take very different times. */

export type RunKind = "plain" | "rotated";

export interface Outlook {
  /** 0…1, never falling. */
  readonly fraction: number;
  readonly secondsLeft: number;
}

/** Until one of a kind is done, what it took on the machine this was written on: two cores, OpenBLAS. */
const FIRST_GUESS: Readonly<Record<RunKind, number>> = { plain: 2, rotated: 18 };

export class Forecast {
  readonly #kinds: readonly RunKind[];
  readonly #taken: Record<RunKind, number[]> = { plain: [], rotated: [] };
  #done = 0;
  #fraction = 0;

  constructor(kinds: readonly RunKind[]) {
    this.#kinds = kinds;
  }

  finished(seconds: number): void {
    const kind = this.#kinds[this.#done++];
    if (kind !== undefined) this.#taken[kind].push(seconds);
  }

  /** @param share of the current run that is done, 0…1 @param elapsed seconds since the first run began */
  outlook(share: number, elapsed: number): Outlook {
    const secondsLeft = this.#kinds
      .slice(this.#done)
      .map((kind, i) => this.#expected(kind) * (i === 0 ? 1 - share : 1))
      .reduce((sum, seconds) => sum + seconds, 0);
    this.#fraction = Math.max(this.#fraction, elapsed / (elapsed + secondsLeft || 1));
    return { fraction: this.#fraction, secondsLeft };
  }

  #expected(kind: RunKind): number {
    const taken = this.#taken[kind];
    if (taken.length === 0) return FIRST_GUESS[kind];
    return taken.reduce((sum, seconds) => sum + seconds, 0) / taken.length;
  }
}
