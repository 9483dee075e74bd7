/** What is known of single places of a matrix, from the finest tiles there are. */
import type { Range } from "../messages.ts";
import { tileOf } from "./levels.ts";
import type { PlotSource } from "./source.ts";
import { cellOf, type DecodedTile } from "./tile.ts";
import type { TileStore } from "./tileStore.ts";
import type { Shape } from "./viewport.ts";

/** What a plot knows of the weight under the cross-hair. */
export interface Reading {
  readonly value: number;
  readonly tile: DecodedTile;
  /** Rows and columns of the cell it comes from: one of each where it is the weight's own. */
  readonly rows: Range;
  readonly cols: Range;
}

export interface Cursor {
  readonly row: number;
  readonly col: number;
}

/** What the plots show in one place, for tables. */
export interface ShownCell {
  readonly rows: Range;
  readonly cols: Range;
  /** By title of the plot. */
  readonly values: Readonly<Record<string, number>>;
}

/** Where to look. */
export interface Look<Kind extends string> {
  readonly store: TileStore<Kind>;
  readonly shape: Shape;
  /** Of what is drawn: nothing finer is read. */
  readonly level: number;
}

/** The finest that is known of a weight, as far as it is drawn. */
export function readAt<Kind extends string>(
  { store, shape, level }: Look<Kind>,
  source: PlotSource<Kind>,
  row: number,
  col: number,
): Reading | undefined {
  const tile =
    [level, level + 1, level + 2]
      .map((at) => {
        const kind = source.kindAt(at);
        const address = tileOf(row, col, at, shape);
        return kind === undefined || address === undefined ? undefined : store.get(kind, address);
      })
      .find((found) => found !== undefined) ?? source.overview;
  if (tile === null) return undefined;
  const cell = cellOf(tile, row, col);
  const value = tile.values[cell?.index ?? -1];
  return cell === undefined || value === undefined
    ? undefined
    : { value, tile, rows: cell.rows, cols: cell.cols };
}

/** The cells of a part, at the resolution of the finest plot, with what each plot shows there. */
export function shownCells<Kind extends string>(
  look: Look<Kind>,
  sources: readonly PlotSource<Kind>[],
  part: { readonly rows: Range; readonly cols: Range },
): ShownCell[] {
  const cells: ShownCell[] = [];
  let row = part.rows[0];
  while (row < part.rows[1]) {
    let col = part.cols[0];
    let nextRow = row + 1;
    while (col < part.cols[1]) {
      const cell = cellAt(look, sources, row, col);
      cells.push(cell);
      nextRow = Math.max(nextRow, cell.rows[1]);
      col = Math.max(col + 1, cell.cols[1]);
    }
    row = nextRow;
  }
  return cells;
}

function cellAt<Kind extends string>(
  look: Look<Kind>,
  sources: readonly PlotSource<Kind>[],
  row: number,
  col: number,
): ShownCell {
  const values: Record<string, number> = {};
  let [rows, cols]: [Range, Range] = [
    [row, row + 1],
    [col, col + 1],
  ];
  let finest = Infinity;
  for (const source of sources) {
    const reading = readAt(look, source, row, col);
    if (reading === undefined) continue;
    values[source.title] = reading.value;
    const size = (reading.rows[1] - reading.rows[0]) * (reading.cols[1] - reading.cols[0]);
    if (size >= finest) continue;
    finest = size;
    [rows, cols] = [reading.rows, reading.cols];
  }
  return { rows, cols, values };
}
