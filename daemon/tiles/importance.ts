/**
 * Importance of single weights of a pruned layer, before and after its rotation, from the dense checkpoint and what
 * the run kept of the layer (`daemon/pipeline/heatmapFile.ts`). With the norm gain g folded in, the order of neurons
 * p, and c the weights of the columns on either side:
 *
 *     before   s = (W g)² c
 *     after    s = W'² c'     W' = W_p g R1 for q, k, gate, up;  blk(R2)ᵀ W g R1 for v;
 *                                  R1ᵀ W blk(R2) for o;  R1ᵀ W_p for down
 *
 * Only the rows and columns that a part needs are read and multiplied.
 */
import { setImmediate } from "node:timers/promises";
import type { Checkpoint } from "../checkpoint/index.ts";
import type { IndexRange } from "../protocol/checkpoints.ts";
import { INPUT_OF, type Role } from "../vocabulary.ts";
import { cancelled } from "./errors.ts";
import type { HeatmapLayer } from "./heatmapLayer.ts";
import { eachRun, matrixOf } from "./matrix.ts";

/** Row-major values of a part of a matrix. */
export interface Block {
  readonly rows: number;
  readonly cols: number;
  readonly values: Float32Array;
}

/** `[rows of the part, columns of the part]`, the dense weights with their norm gain. */
export async function foldedBlock(
  dense: Checkpoint,
  layer: HeatmapLayer,
  role: Role,
  rows: IndexRange,
  cols: IndexRange,
  signal: AbortSignal,
): Promise<Block> {
  const { name, rowStart } = layer.places[role];
  const place: IndexRange = [rows[0] + rowStart, rows[1] + rowStart];
  const block = await readBlock(dense, name, place, cols, signal);
  scaleColumns(block, await gainOf(layer, role), cols[0]);
  return block;
}

/** The rotated weights W' of a part. */
export async function rotatedBlock(
  dense: Checkpoint,
  layer: HeatmapLayer,
  role: Role,
  rows: IndexRange,
  cols: IndexRange,
  signal: AbortSignal,
): Promise<Block> {
  const { shape } = layer;
  const all = (count: number): IndexRange => [0, count];
  const r1 = (part: IndexRange): Promise<Block> => layer.r1(part, signal);
  switch (role) {
    case "q":
    case "k":
      return multiply(
        await foldedBlock(dense, layer, role, rows, all(shape.d), signal),
        await r1(cols),
        signal,
      );
    case "gate":
    case "up":
      return multiply(await neuronRows(dense, layer, role, rows, signal), await r1(cols), signal);
    case "v": {
      const heads = headsOver(rows, shape.headDim);
      const turned = await multiply(
        await foldedBlock(dense, layer, role, heads, all(shape.d), signal),
        await r1(cols),
        signal,
      );
      return turnRows(turned, heads[0], rows, await layer.r2(), shape.headDim);
    }
    case "o": {
      const heads = headsOver(cols, shape.headDim);
      const w = await readBlock(dense, layer.places.o.name, all(shape.d), heads, signal);
      const turned = await multiply(transposed(await r1(rows)), w, signal);
      const group = shape.heads / shape.kvHeads;
      return turnColumns(turned, heads[0], cols, await layer.r2(), shape.headDim, group);
    }
    case "down":
      return multiply(
        transposed(await r1(rows)),
        await neuronColumns(dense, layer, cols, signal),
        signal,
      );
    default:
      return role satisfies never;
  }
}

/** In place: `s_ij = w_ij² c_j`, the part's columns from `colStart` on. */
export function importanceOf(block: Block, c: Float32Array, colStart: number): void {
  const { values, cols } = block;
  for (let i = 0; i < values.length; i++) {
    const w = values[i] ?? 0;
    values[i] = w * w * (c[colStart + (i % cols)] ?? 0);
  }
}

const gainOf = (layer: HeatmapLayer, role: Role): Promise<Float32Array | null> => {
  const kind = INPUT_OF[role];
  return kind === "qkv" || kind === "mlp" ? layer.vector(`gain.${kind}`) : Promise.resolve(null);
};

function scaleColumns({ values, cols }: Block, gain: Float32Array | null, colStart: number): void {
  if (!gain) return;
  for (let i = 0; i < values.length; i++) {
    values[i] = (values[i] ?? 0) * (gain[colStart + (i % cols)] ?? 0);
  }
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

/** Rows of gate or up in their new order. */
async function neuronRows(
  dense: Checkpoint,
  layer: HeatmapLayer,
  role: "gate" | "up",
  rows: IndexRange,
  signal: AbortSignal,
): Promise<Block> {
  const { d } = layer.shape;
  const order = await layer.neurons();
  if (!order) return foldedBlock(dense, layer, role, rows, [0, d], signal);
  const values = new Float32Array((rows[1] - rows[0]) * d);
  for (let row = rows[0]; row < rows[1]; row++) {
    const at = order[row] ?? row;
    const { values: one } = await foldedBlock(dense, layer, role, [at, at + 1], [0, d], signal);
    values.set(one, (row - rows[0]) * d);
  }
  return { rows: rows[1] - rows[0], cols: d, values };
}

/** Columns of down in their new order: they lie anywhere, so whole rows are read. */
async function neuronColumns(
  dense: Checkpoint,
  layer: HeatmapLayer,
  cols: IndexRange,
  signal: AbortSignal,
): Promise<Block> {
  const { d, ffn } = layer.shape;
  const { name } = layer.places.down;
  const order = await layer.neurons();
  if (!order) return readBlock(dense, name, [0, d], cols, signal);
  const width = cols[1] - cols[0];
  const values = new Float32Array(d * width);
  const matrix = matrixOf(dense, name);
  /** Where in the part a column of the dense matrix goes; -1 for nowhere. */
  const target = new Int32Array(ffn).fill(-1);
  for (let col = 0; col < width; col++) target[order[cols[0] + col] ?? 0] = col;
  await eachRun(dense, matrix, [0, d], [0, ffn], signal, (run, row, from) => {
    for (let i = 0; i < run.length; i++) {
      const col = target[from + i] ?? -1;
      if (col >= 0) values[row * width + col] = run[i] ?? 0;
    }
  });
  return { rows: d, cols: width, values };
}

/** Whole heads that hold the range. */
const headsOver = ([start, end]: IndexRange, headDim: number): IndexRange => [
  Math.floor(start / headDim) * headDim,
  Math.ceil(end / headDim) * headDim,
];

/** `blk(R2)ᵀ T` on rows `rows`, from whole heads that begin with row `start`. */
function turnRows(
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
function turnColumns(
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

function transposed({ rows, cols, values }: Block): Block {
  const turned = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) turned[col * rows + row] = values[row * cols + col] ?? 0;
  }
  return { rows: cols, cols: rows, values: turned };
}

/** Multiplications between two looks at other requests: a few milliseconds. */
const MULTIPLICATIONS_AT_ONCE = 4e6;

async function multiply(a: Block, b: Block, signal: AbortSignal): Promise<Block> {
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
