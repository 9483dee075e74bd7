/** What one plot of a matrix shows: where its values come from at each level, their colours, and their words. */
import type { ColourScale } from "../charts/index.ts";
import type { DecodedTile } from "./tile.ts";

export interface PlotSource<Kind extends string> {
  readonly title: string;
  /** For screen readers: the gist of the plot. */
  readonly gist: string;
  /** The whole matrix, to be drawn where there is nothing finer. */
  readonly overview: DecodedTile | null;
  /** Which tiles show this plot at a level; undefined where the overview is all there is. */
  readonly kindAt: (level: number) => Kind | undefined;
  /** Colours; those of single weights may span more than those of cells. */
  readonly scale: (exact: boolean) => ColourScale;
  /** Where a value lies on the scale. */
  readonly onScale: (value: number, tile: DecodedTile) => number;
  /** Short, to be written into a cell of about 50 pixels; empty for nothing. */
  readonly short: (value: number, tile: DecodedTile) => string;
}
