/** A part of a matrix made small: at most 256 × 256 cells, or the weights themselves where they are that few. */
import type { Checkpoint } from "../checkpoint/index.ts";
import { TILE_CELLS, type Tile, type TileParams } from "../protocol/checkpoints.ts";
import { eachRun, matrixOf, rangeOf } from "./matrix.ts";

/**
 * @throws tiles/no-such-tensor, tiles/not-float, tiles/bad-range, tiles/cancelled, and those of reading a checkpoint
 */
export async function readTile(
  checkpoint: Checkpoint,
  { tensor, kind, rows: askedRows, cols: askedCols }: Omit<TileParams, "source">,
  signal: AbortSignal,
): Promise<Tile> {
  const matrix = matrixOf(checkpoint, tensor);
  const rows = rangeOf(askedRows, matrix.rows, tensor, "rows");
  const cols = rangeOf(askedCols, matrix.cols, tensor, "columns");
  const [height, width] = [rows[1] - rows[0], cols[1] - cols[0]];
  const cellRows = Math.min(height, TILE_CELLS);
  const cellCols = Math.min(width, TILE_CELLS);
  const exact = cellRows === height && cellCols === width;

  const cells = new Float64Array(cellRows * cellCols);
  const counts = new Uint32Array(cells.length);
  const cellOfCol = Uint32Array.from({ length: width }, (_, c) =>
    Math.floor((c * cellCols) / width),
  );
  const valueOf = kind === "zeros" ? isZero : exact ? itself : squared;
  await eachRun(checkpoint, matrix, rows, cols, signal, (values, row, col) => {
    const base = Math.floor(((row - rows[0]) * cellRows) / height) * cellCols;
    for (let i = 0; i < values.length; i++) {
      const cell = base + (cellOfCol[col - cols[0] + i] ?? 0);
      cells[cell] = (cells[cell] ?? 0) + valueOf(values[i] ?? 0);
      counts[cell] = (counts[cell] ?? 0) + 1;
    }
  });

  const means = cells.map((sum, i) => sum / (counts[i] ?? 1));
  return {
    shape: [matrix.rows, matrix.cols],
    rows,
    cols,
    cellRows,
    cellCols,
    exact,
    ...encodedTile(kind === "zeros" ? "u8" : "f32", means),
  };
}

/** @param values shares of 1 for `u8` */
export function encodedTile(
  format: Tile["format"],
  values: Float32Array | Float64Array,
): Pick<Tile, "format" | "data"> {
  const bytes =
    format === "u8"
      ? Buffer.from(Uint8Array.from(values, (share) => Math.round(share * 255)))
      : Buffer.from(Float32Array.from(values).buffer);
  return { format, data: bytes.toString("base64") };
}

const isZero = (w: number): number => (w === 0 ? 1 : 0);
const squared = (w: number): number => w * w;
const itself = (w: number): number => w;
