/** Tensors as matrices, read in pieces that leave the process free for others in between. */
import { setImmediate } from "node:timers/promises";
import {
  decodeFloats,
  dtypeInfo,
  isFloatDType,
  type Checkpoint,
  type FloatDType,
  type TensorEntry,
} from "../checkpoint/index.ts";
import type { IndexRange } from "../protocol/checkpoints.ts";
import { badRange, cancelled, noSuchTensor, notFloat } from "./errors.ts";

/** Values decoded at a time: a few milliseconds. */
const CHUNK_ELEMENTS = 2 ** 18;
/** Of parts this much narrower than the matrix only the columns asked for are decoded … */
const NARROW = 2;
/** … and from here on only they are read: before, one long read is faster than a short one a row. */
const VERY_NARROW = 32;
const BYTES_AT_ONCE = 2 ** 20;
const ROWS_AT_ONCE = 16;

export interface Matrix {
  readonly entry: TensorEntry & { readonly dtype: FloatDType };
  readonly rows: number;
  readonly cols: number;
}

/** All dimensions but the last are rows; a vector is one row. @throws tiles/no-such-tensor, tiles/not-float */
export function matrixOf(checkpoint: Checkpoint, name: string): Matrix {
  const entry = checkpoint.tensors.get(name);
  if (!entry) throw noSuchTensor(checkpoint.root, name);
  const { dtype } = entry;
  if (!isFloatDType(dtype)) throw notFloat(name, dtype);
  const cols = entry.shape.at(-1) ?? 1;
  return { entry: { ...entry, dtype }, rows: cols === 0 ? 0 : entry.elements / cols, cols };
}

/** @throws tiles/bad-range */
export function rangeOf(
  range: IndexRange | undefined,
  count: number,
  name: string,
  what: string,
): IndexRange {
  const [start, end] = range ?? [0, count];
  const valid = Number.isSafeInteger(start) && Number.isSafeInteger(end);
  if (!valid || start < 0 || start > end || end > count) throw badRange(name, what, count);
  return [start, end];
}

/**
 * Calls `visit` with runs of values in row-major order: `values` are those of row `row` from column `col` on, and may
 * run over the ends of rows only if the part is as wide as the matrix.
 *
 * @throws tiles/cancelled and those of reading
 */
export async function eachRun(
  checkpoint: Checkpoint,
  { entry, cols }: Matrix,
  [rowStart, rowEnd]: IndexRange,
  [colStart, colEnd]: IndexRange,
  signal: AbortSignal,
  visit: (values: Float32Array, row: number, col: number) => void,
): Promise<void> {
  const size = dtypeInfo(entry.dtype).bits / 8;
  const readBytes = (from: number, to: number) =>
    checkpoint.readBytes(entry.name, from * size, to * size);
  const read = async (from: number, to: number) =>
    decodeFloats(entry.dtype, await readBytes(from, to));
  const width = colEnd - colStart;
  if (width === 0) return;
  const rowsAtOnce = Math.floor(BYTES_AT_ONCE / (cols * size));
  if (width * NARROW < cols && width * VERY_NARROW >= cols && rowsAtOnce > 1) {
    for (let row = rowStart; row < rowEnd; row += rowsAtOnce) {
      await pause(signal);
      const count = Math.min(rowsAtOnce, rowEnd - row);
      const start = row * cols + colStart;
      const bytes = await readBytes(start, start + (count - 1) * cols + width);
      for (let i = 0; i < count; i++) {
        const run = bytes.subarray(i * cols * size, (i * cols + width) * size);
        visit(decodeFloats(entry.dtype, run), row + i, colStart);
      }
    }
    return;
  }
  if (width * NARROW < cols) {
    for (let row = rowStart; row < rowEnd; row += ROWS_AT_ONCE) {
      await pause(signal);
      const count = Math.min(ROWS_AT_ONCE, rowEnd - row);
      const runs = await Promise.all(
        Array.from({ length: count }, (_, i) => {
          const from = (row + i) * cols + colStart;
          return read(from, from + width);
        }),
      );
      runs.forEach((values, i) => {
        visit(values, row + i, colStart);
      });
    }
    return;
  }
  // Long rows are cut too: a piece is bounded whatever the shape.
  const [first, last] = [rowStart * cols, rowEnd * cols];
  for (let from = first; from < last; from += CHUNK_ELEMENTS) {
    await pause(signal);
    const values = await read(from, Math.min(last, from + CHUNK_ELEMENTS));
    visitRows(values, from, cols, [colStart, colEnd], visit);
  }
}

/** Cuts a run over several rows into the parts that lie in the columns asked for. */
function visitRows(
  values: Float32Array,
  from: number,
  cols: number,
  [colStart, colEnd]: IndexRange,
  visit: (values: Float32Array, row: number, col: number) => void,
): void {
  let at = 0;
  while (at < values.length) {
    const row = Math.floor((from + at) / cols);
    const col = from + at - row * cols;
    const length = Math.min(cols - col, values.length - at);
    const start = Math.max(col, colStart);
    const end = Math.min(col + length, colEnd);
    if (start < end) visit(values.subarray(at + start - col, at + end - col), row, start);
    at += length;
  }
}

/** Lets other requests, and the cancellation of this one, come through. */
async function pause(signal: AbortSignal): Promise<void> {
  await setImmediate();
  if (signal.aborted) throw cancelled();
}
