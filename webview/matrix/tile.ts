/** A tile of the wire, decoded. */
import type { Range, Tile } from "../messages.ts";

export interface DecodedTile {
  /** What the values are: the kind it was asked for by. */
  readonly kind: string;
  readonly rows: Range;
  readonly cols: Range;
  readonly cellRows: number;
  readonly cellCols: number;
  readonly exact: boolean;
  /** Row-major. Shares come as 0…1. */
  readonly values: Float32Array;
}

/** @throws {RangeError} when the data is not as long as the cells are many */
export function decodeTile(kind: string, tile: Tile): DecodedTile {
  const { rows, cols, cellRows, cellCols, exact, format } = tile;
  const text = atob(tile.data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const count = cellRows * cellCols;
  const size = format === "f32" ? 4 : 1;
  if (bytes.length !== count * size) {
    throw new RangeError(`a tile of ${cellRows} × ${cellCols} cells holds ${bytes.length} bytes`);
  }
  const values = valuesOf(bytes, format, count);
  return { kind, rows, cols, cellRows, cellCols, exact, values };
}

function valuesOf(bytes: Uint8Array, format: Tile["format"], count: number): Float32Array {
  if (format === "u8") return Float32Array.from(bytes, (byte) => byte / 255);
  const view = new DataView(bytes.buffer);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = view.getFloat32(i * 4, true);
  return values;
}

/** The cell in which weight (row, col) lies, or undefined outside the tile. */
export function cellOf(
  tile: Pick<DecodedTile, "rows" | "cols" | "cellRows" | "cellCols">,
  row: number,
  col: number,
): { readonly index: number; readonly rows: Range; readonly cols: Range } | undefined {
  const r = along(row, tile.rows, tile.cellRows);
  const c = along(col, tile.cols, tile.cellCols);
  if (r === undefined || c === undefined) return undefined;
  return { index: r.cell * tile.cellCols + c.cell, rows: r.range, cols: c.range };
}

function along(
  at: number,
  [start, end]: Range,
  cells: number,
): { readonly cell: number; readonly range: Range } | undefined {
  if (at < start || at >= end) return undefined;
  const extent = end - start;
  const cell = Math.floor(((at - start) * cells) / extent);
  const edge = (i: number): number => start + Math.ceil((i * extent) / cells);
  return { cell, range: [edge(cell), edge(cell + 1)] };
}
