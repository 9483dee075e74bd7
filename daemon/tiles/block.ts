/** Parts of matrices in memory, and the little algebra that importance needs of them. */
import { setImmediate } from "node:timers/promises";
import type { Checkpoint } from "../checkpoint/index.ts";
import type { IndexRange } from "../protocol/checkpoints.ts";
import { cancelled } from "./errors.ts";
import { eachRun, matrixOf } from "./matrix.ts";

/** Row-major values of a part of a matrix. */
export interface Block {
  readonly rows: number;
  readonly cols: number;
  readonly values: Float32Array;
}

export async function readBlock(
  checkpoint: Checkpoint,
  name: string,
  rows: IndexRange,
  cols: IndexRange,
  signal: AbortSignal,
): Promise<Block> {
  const [height, width] = [rows[1] - rows[0], cols[1] - cols[0]];
  const values = new Float32Array(height * width);
  const matrix = matrixOf(checkpoint, name);
  await eachRun(checkpoint, matrix, rows, cols, signal, (run, row, col) => {
    values.set(run, (row - rows[0]) * width + col - cols[0]);
  });
  return { rows: height, cols: width, values };
}

/** In place. */
export function scaleColumns(
  { values, cols }: Block,
  gain: Float32Array | null,
  colStart: number,
): void {
  if (!gain) return;
  for (let i = 0; i < values.length; i++) {
    values[i] = (values[i] ?? 0) * (gain[colStart + (i % cols)] ?? 0);
  }
}

/** `blk(R2)ᵀ T` on rows `rows`, from whole heads that begin with row `start`. */
export function turnRows(
  t: Block,
  start: number,
  rows: IndexRange,
  r2: Float32Array,
  headDim: number,
): Block {
  const values = new Float32Array((rows[1] - rows[0]) * t.cols);
  for (let row = rows[0]; row < rows[1]; row++) {
    const head = Math.floor(row / headDim);
    const j = row % headDim;
    for (let i = 0; i < headDim; i++) {
      const weight = r2[(head * headDim + i) * headDim + j] ?? 0;
      const from = (head * headDim + i - start) * t.cols;
      const to = (row - rows[0]) * t.cols;
      for (let col = 0; col < t.cols; col++) {
        values[to + col] = (values[to + col] ?? 0) + weight * (t.values[from + col] ?? 0);
      }
    }
  }
  return { rows: rows[1] - rows[0], cols: t.cols, values };
}

/** `T blk(R2)` on columns `cols`, from whole query heads that begin with column `start`; `group` of them share an R2. */
export function turnColumns(
  t: Block,
  start: number,
  cols: IndexRange,
  r2: Float32Array,
  headDim: number,
  group: number,
): Block {
  const width = cols[1] - cols[0];
  const values = new Float32Array(t.rows * width);
  for (let col = cols[0]; col < cols[1]; col++) {
    const head = Math.floor(col / headDim);
    const shared = Math.floor(head / group);
    const j = col % headDim;
    for (let row = 0; row < t.rows; row++) {
      let sum = 0;
      for (let i = 0; i < headDim; i++) {
        sum +=
          (t.values[row * t.cols + head * headDim + i - start] ?? 0) *
          (r2[(shared * headDim + i) * headDim + j] ?? 0);
      }
      values[row * width + col - cols[0]] = sum;
    }
  }
  return { rows: t.rows, cols: width, values };
}

export function transposed({ rows, cols, values }: Block): Block {
  const turned = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) turned[col * rows + row] = values[row * cols + col] ?? 0;
  }
  return { rows: cols, cols: rows, values: turned };
}

/** Multiplications between two looks at other requests: a few milliseconds. */
const MULTIPLICATIONS_AT_ONCE = 4e6;

export async function multiply(a: Block, b: Block, signal: AbortSignal): Promise<Block> {
  const values = new Float32Array(a.rows * b.cols);
  const rowsAtOnce = Math.max(1, Math.floor(MULTIPLICATIONS_AT_ONCE / (a.cols * b.cols)));
  for (let row = 0; row < a.rows; row++) {
    if (row % rowsAtOnce === 0) {
      await setImmediate();
      if (signal.aborted) throw cancelled();
    }
    const out = values.subarray(row * b.cols, (row + 1) * b.cols);
    for (let k = 0; k < a.cols; k++) {
      const weight = a.values[row * a.cols + k] ?? 0;
      if (weight === 0) continue;
      const from = k * b.cols;
      for (let col = 0; col < out.length; col++) {
        out[col] = (out[col] ?? 0) + weight * (b.values[from + col] ?? 0);
      }
    }
  }
  return { rows: a.rows, cols: b.cols, values };
}
