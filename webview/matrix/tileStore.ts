/**
 * Tiles by request: what is wanted is fetched a few at a time, in the order given; what is no longer wanted is
 * cancelled; what comes too late is dropped; what came is kept in an LRU.
 */
import type { Tile } from "../messages.ts";
import { addressKey, type TileAddress } from "./levels.ts";
import { Lru } from "./lru.ts";
import { decodeTile, type DecodedTile } from "./tile.ts";

export interface WantedTile<Kind extends string> {
  readonly kind: Kind;
  readonly address: TileAddress;
}

export type FetchTile<Kind extends string> = (
  wanted: WantedTile<Kind>,
  signal: AbortSignal,
) => Promise<Tile>;

/** More at once only makes the ones in view wait for each other. */
const PARALLEL = 4;
/** Some hundreds of tiles of 64 KiB. */
const CAPACITY_BYTES = 48 * 2 ** 20;

export class TileStore<Kind extends string> {
  readonly #tiles = new Lru<string, DecodedTile>(CAPACITY_BYTES);
  readonly #flights = new Map<string, AbortController>();
  readonly #failures = new Map<string, Error>();
  #wanted: readonly WantedTile<Kind>[] = [];

  /** @param onChange a tile came, or failed */
  constructor(
    private readonly fetch: FetchTile<Kind>,
    private readonly onChange: () => void,
  ) {}

  /** Fetches that have not been answered. */
  get pending(): number {
    return this.#flights.size;
  }

  get(kind: Kind, address: TileAddress): DecodedTile | undefined {
    return this.#tiles.get(addressKey(kind, address));
  }

  /** Why a kind has no tiles: the first failure that came. */
  failure(kind: Kind): Error | undefined {
    for (const [key, error] of this.#failures) if (key.startsWith(`${kind}/`)) return error;
    return undefined;
  }

  /** The first failure of all. */
  get failed(): Error | undefined {
    return this.#failures.values().next().value;
  }

  /** From now on these, most urgent first, and no others. */
  want(tiles: readonly WantedTile<Kind>[]): void {
    this.#wanted = tiles;
    const keys = new Set(tiles.map(({ kind, address }) => addressKey(kind, address)));
    for (const [key, flight] of this.#flights) {
      if (keys.has(key)) continue;
      this.#flights.delete(key);
      flight.abort();
    }
    this.#fill();
  }

  /** Forgets what failed, and tries what is wanted again. */
  retry(): void {
    this.#failures.clear();
    this.#fill();
  }

  /** Forgets everything; answers under way are dropped. */
  clear(): void {
    this.want([]);
    this.#tiles.clear();
    this.#failures.clear();
  }

  #fill(): void {
    for (const wanted of this.#wanted) {
      if (this.#flights.size >= PARALLEL) return;
      const key = addressKey(wanted.kind, wanted.address);
      if (this.#tiles.has(key) || this.#flights.has(key) || this.#failures.has(key)) continue;
      void this.#load(key, wanted);
    }
  }

  async #load(key: string, wanted: WantedTile<Kind>): Promise<void> {
    const flight = new AbortController();
    this.#flights.set(key, flight);
    try {
      const tile = decodeTile(wanted.kind, await this.fetch(wanted, flight.signal));
      // Stale: cancelled, or asked for again since.
      if (this.#flights.get(key) !== flight) return;
      this.#tiles.set(key, tile, tile.values.byteLength);
    } catch (error) {
      if (this.#flights.get(key) !== flight) return;
      this.#failures.set(key, error instanceof Error ? error : new Error(String(error)));
    }
    this.#flights.delete(key);
    this.#fill();
    this.onChange();
  }
}
