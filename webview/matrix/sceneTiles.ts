/** Which tiles a plot is drawn from, and which it still lacks. */
import type { Range } from "../messages.ts";
import type { Scene } from "./draw.ts";
import { tilesOver } from "./levels.ts";
import type { PlotSource } from "./source.ts";
import type { TileStore, WantedTile } from "./tileStore.ts";
import type { Shape } from "./viewport.ts";

interface Part {
  readonly rows: Range;
  readonly cols: Range;
}

/** @returns `tiles` to draw over the overview, coarse ones first; `fetch`: all that would be drawn at this level */
export function tilesFor<Kind extends string>(
  source: PlotSource<Kind>,
  store: TileStore<Kind>,
  { shape, part, level }: { readonly shape: Shape; readonly part: Part; readonly level: number },
): { readonly tiles: Scene<Kind>["tiles"]; readonly fetch: readonly WantedTile<Kind>[] } {
  const wantedAt = (at: number): WantedTile<Kind>[] => {
    const kind = source.kindAt(at);
    if (kind === undefined) return [];
    return tilesOver(part, at, shape).map((address) => ({ kind, address }));
  };
  const fetch = wantedAt(level);
  // What came for a coarser view stands in until the finer tiles are there.
  const tiles = [...wantedAt(level + 2), ...wantedAt(level + 1), ...fetch].flatMap((wanted) => {
    const tile = store.get(wanted.kind, wanted.address);
    return tile === undefined ? [] : [{ address: wanted.address, tile }];
  });
  return { tiles, fetch };
}

/** What is in the middle first, the plots in turn. */
export function middleFirst<Kind extends string>(
  wanted: readonly WantedTile<Kind>[],
  part: Part,
): WantedTile<Kind>[] {
  const middle = (range: Range): number => (range[0] + range[1]) / 2;
  const distance = ({ address }: WantedTile<Kind>): number =>
    Math.abs(middle(address.rows) - middle(part.rows)) +
    Math.abs(middle(address.cols) - middle(part.cols));
  return wanted.toSorted((a, b) => distance(a) - distance(b));
}
