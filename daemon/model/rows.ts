/**
 * Rows of a stored matrix → the device. Where it decodes by itself, codes go up as they lie in the file: half the bytes,
 * and no loop over the values here. Elsewhere the host makes float32 of them first.
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  allOrNothing,
  beside,
  decodedHalf,
  halfFormat,
  hasHalfKernels,
  hasOwnMemory,
} from "../backend/index.ts";
import { expectArray, type Checkpoint, type RowRange } from "../checkpoint/index.ts";
import { checkFiniteTensors, checkFiniteValues } from "./finite.ts";

/** What was read, on the host. */
interface RowsRead {
  /** As float32, where the host had to decode them. */
  readonly values?: Float32Array;
  /** `[rows, columns]`, disposed by the caller. */
  readonly upload: () => tf.Tensor2D;
}

/** An array for codes, which they leave when they go up. */
interface CodeArray {
  bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Nothing is checked.
 * @param array where to read codes to, made larger if need be; memory of their own by default
 */
async function readRows(
  checkpoint: Checkpoint,
  name: string,
  range?: RowRange,
  array?: CodeArray,
): Promise<RowsRead> {
  const { dtype, shape: [all = 0, columns = 0] = [] } = checkpoint.tensors.get(name) ?? {};
  const { rowStart, rowEnd } = range ?? { rowStart: 0, rowEnd: all };
  const shape: [number, number] = [rowEnd - rowStart, columns];
  const half = halfFormat(dtype);
  if (!half) {
    const values = await checkpoint.readFloats(name, range);
    return { values, upload: () => tf.tensor2d(values, shape) };
  }
  const rowBytes = 2 * columns;
  const count = shape[0] * rowBytes;
  if (!array || array.bytes.byteLength < count) expectArray(count);
  const codes = array
    ? await checkpoint.readInto(name, roomFor(count, array), rowStart * rowBytes)
    : await checkpoint.readBytes(name, rowStart * rowBytes, rowEnd * rowBytes);
  return { upload: () => decodedHalf<tf.Rank.R2>(half, codes, shape) };
}

function roomFor(count: number, array: CodeArray): Uint8Array<ArrayBuffer> {
  if (array.bytes.byteLength < count) array.bytes = new Uint8Array(count);
  return array.bytes.subarray(0, count);
}

/**
 * All rows or some, `[rows, columns]`.
 * @throws model/non-finite-weights naming the tensor
 */
export function readMatrix(
  checkpoint: Checkpoint,
  name: string,
  range?: RowRange,
): Promise<tf.Tensor2D> {
  return allOrNothing(async () => {
    const { values, upload } = await readRows(checkpoint, name, range);
    if (values) checkFiniteValues(checkpoint, name, values);
    const matrix = upload();
    if (!values) await checkFiniteTensors(checkpoint, [[name, matrix]]);
    return matrix;
  });
}

/**
 * Several, one after the other in this order. Where the device decodes in memory of its own, the next is read while one
 * goes up; elsewhere only one is on its way at a time, and all through the same array. To be called within
 * `allOrNothing`.
 */
export async function readInTurn(
  checkpoint: Checkpoint,
  places: readonly ({ readonly name: string } & RowRange)[],
): Promise<tf.Tensor2D[]> {
  const matrices: tf.Tensor2D[] = [];
  const ahead = hasHalfKernels() && hasOwnMemory();
  const array = ahead ? undefined : { bytes: new Uint8Array() };
  const start = (at: number): Promise<RowsRead> | undefined => {
    const place = places[at];
    // Awaited in its turn, or never where the one before fails.
    return place && beside(readRows(checkpoint, place.name, place, array));
  };
  let next = start(0);
  for (let at = 0; at < places.length; at++) {
    const rows = await (next ?? start(at));
    next = ahead ? start(at + 1) : undefined;
    if (rows) matrices.push(rows.upload());
  }
  return matrices;
}
