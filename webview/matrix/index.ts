/** One matrix to look at: linked plots with tiles by request. Knows nothing of runs, files or the bridge. */
export { AXES_MARGIN } from "./axes.ts";
export { Explorer } from "./explorer.ts";
export { exactly, inCell } from "./numbers.ts";
export type { Cursor, Reading, ShownCell } from "./reading.ts";
export type { PlotSource } from "./source.ts";
export { decodeTile, type DecodedTile } from "./tile.ts";
export type { FetchTile, TileStore, WantedTile } from "./tileStore.ts";
export type { Shape, Viewport } from "./viewport.ts";
