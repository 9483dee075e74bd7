/**
 * The pyramid of tiles over a matrix: at level k a cell stands for 2ᵏ × 2ᵏ weights, and a tile holds 128 × 128 cells.
 * Level 0 are the weights themselves. Tiles at the lower and right edge end with the matrix.
 */
import type { Range } from "../messages.ts";
import type { Shape } from "./viewport.ts";

/**
 * Cells along a tile's side. An exact tile after rotation costs the daemon side² · d multiplications, so 128 keeps it
 * under a tenth of a second for d = 4096.
 */
export const TILE_SIDE = 128;

export interface TileAddress {
  readonly level: number;
  readonly tileRow: number;
  readonly tileCol: number;
  /** Weights it covers. */
  readonly rows: Range;
  readonly cols: Range;
}

/** The finest level worth asking for: its cells are about a pixel, or the weights themselves. */
export function levelFor(pixelsPerWeight: number): number {
  return pixelsPerWeight >= 1 ? 0 : Math.ceil(-Math.log2(pixelsPerWeight) - 1e-9);
}

/** Weights along a tile's side. */
export const span = (level: number): number => TILE_SIDE * 2 ** level;

/** Tiles of `level` that cover the part, in reading order. */
export function tilesOver(
  part: { readonly rows: Range; readonly cols: Range },
  level: number,
  { rows, cols }: Shape,
): TileAddress[] {
  const side = span(level);
  const tiles: TileAddress[] = [];
  const end = ([start, stop]: Range): number => (stop > start ? Math.ceil(stop / side) : 0);
  for (let tileRow = Math.floor(part.rows[0] / side); tileRow < end(part.rows); tileRow++) {
    for (let tileCol = Math.floor(part.cols[0] / side); tileCol < end(part.cols); tileCol++) {
      tiles.push({
        level,
        tileRow,
        tileCol,
        rows: [tileRow * side, Math.min(rows, (tileRow + 1) * side)],
        cols: [tileCol * side, Math.min(cols, (tileCol + 1) * side)],
      });
    }
  }
  return tiles;
}

/** The tile of `level` that holds a weight. */
export function tileOf(
  row: number,
  col: number,
  level: number,
  shape: Shape,
): TileAddress | undefined {
  return tilesOver({ rows: [row, row + 1], cols: [col, col + 1] }, level, shape)[0];
}

export const addressKey = (kind: string, { level, tileRow, tileCol }: TileAddress): string =>
  `${kind}/${level}/${tileRow}/${tileCol}`;
