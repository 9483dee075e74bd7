/** What an explorer shows, where its tiles come from, and whom it tells what. */
import type { AxisNames } from "./axes.ts";
import type { Cursor, Reading } from "./reading.ts";
import type { PlotSource } from "./source.ts";
import type { FetchTile, TileStore } from "./tileStore.ts";
import type { Shape, Viewport } from "./viewport.ts";

export interface ExplorerOptions<Kind extends string> {
  readonly shape: Shape;
  readonly axes: AxisNames;
  readonly plots: readonly PlotSource<Kind>[];
  readonly fetch: FetchTile<Kind>;
  /** Columns of a group of the N:M pattern; 0 for none. */
  readonly group: number;
  /** What the matrix is, for screen readers. */
  readonly label: string;
  /** A view kept from before. */
  readonly view: Viewport | null;
  /** To be kept; comes with every movement. */
  readonly onView: (view: Viewport) => void;
  /** Cells have become single weights, or are no more; comes first of all. */
  readonly onExact: (exact: boolean) => void;
  /** The cross-hair moved, or what is known under it changed; readings are in the order of the plots. */
  readonly onCursor: (cursor: Cursor | null, readings: readonly (Reading | undefined)[]) => void;
  /** Something was fetched, or failed. */
  readonly onTiles: (store: TileStore<Kind>) => void;
}
