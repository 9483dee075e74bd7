/** Decoding of a matrix overview (`daemon/report.ts`): base64 bytes to values, cells to the rows and columns they cover. */
import type { Overview } from "../../daemon/report.ts";

export interface Grid {
  readonly rows: number;
  readonly cols: number;
  /** Row-major, `rows · cols`; quantised to 256 levels, so good to (max − min) / 510. */
  readonly values: Float32Array;
}

/** @throws {RangeError} when the data is not `rows · cols` bytes */
export function decodeOverview(overview: Overview): Grid {
  const { rows, cols, min, max } = overview;
  const bytes = atob(overview.data);
  if (bytes.length !== rows * cols) {
    throw new RangeError(`overview of ${rows} × ${cols} cells holds ${bytes.length} bytes`);
  }
  const step = (max - min) / 255;
  const values = new Float32Array(rows * cols);
  for (let i = 0; i < values.length; i++) values[i] = min + step * bytes.charCodeAt(i);
  return { rows, cols, values };
}

/**
 * First and last index, inclusive, of the `size` rows (or columns) that cell `index` of `cells` covers: those that
 * `daemon/pipeline/overview.ts` puts into it, `floor(i · cells / size) = index`.
 */
export function cellRange(index: number, cells: number, size: number): readonly [number, number] {
  const first = Math.ceil((index * size) / cells);
  const next = Math.ceil(((index + 1) * size) / cells);
  return [first, Math.max(first, next - 1)];
}

/**
 * One colour domain for several grids: from the 3rd to the 99.7th percentile of all their values. The low
 * end is cut more because single weights near zero reach arbitrarily far down on a log axis and would leave the rest
 * of the scale to a few colours.
 */
export function commonDomain(grids: readonly Grid[]): readonly [number, number] {
  const all = new Float32Array(grids.reduce((n, g) => n + g.values.length, 0));
  let offset = 0;
  for (const grid of grids) {
    all.set(grid.values, offset);
    offset += grid.values.length;
  }
  all.sort();
  const at = (q: number): number => all[Math.round(q * (all.length - 1))] ?? 0;
  const low = at(0.03);
  const high = at(0.997);
  return high > low ? [low, high] : [low - 0.5, low + 0.5];
}
