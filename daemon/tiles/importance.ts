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
import type { Checkpoint } from "../checkpoint/index.ts";
import type { IndexRange } from "../protocol/checkpoints.ts";
import { INPUT_OF, type Role } from "../vocabulary.ts";
import {
  multiply,
  readBlock,
  scaleColumns,
  transposed,
  turnColumns,
  turnRows,
  type Block,
} from "./block.ts";
import type { HeatmapLayer } from "./heatmapLayer.ts";
import { eachRun, matrixOf } from "./matrix.ts";

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
