/** The k largest of each row, in order, by sorting whole rows: any k, and of equal values the first comes first. */
import type * as tf from "@tensorflow/tfjs-core";
import { i32, i64, pointer, type CudaBackend, type CudaRuntime } from "../runtime.ts";
import { BLOCK, gridFor, sizeOf, using, withScratch } from "./kernel.ts";
import { rowsProgram } from "./programs.ts";
import { cast } from "./unary.ts";

/** Keys that a block sorts in shared memory; `CHUNK` in rows.cu. */
const CHUNK = 2048;
const CHUNK_THREADS = 512;
const KEY_BYTES = 8;
/** Keys sorted at a time: rows go in turns, so that scratch memory stays small beside the tensors. */
const MOST_KEYS = 2 ** 25;

export function topk(backend: CudaBackend, x: tf.TensorInfo, k: number): tf.TensorInfo[] {
  if (x.dtype === "bool") {
    return using(backend, cast(backend, x, "int32"), (numbers) => {
      const [values, indices] = topk(backend, numbers, k) as [tf.TensorInfo, tf.TensorInfo];
      return [using(backend, values, () => cast(backend, values, "bool")), indices];
    });
  }
  const length = x.shape.at(-1) ?? 1;
  const shape = [...x.shape.slice(0, -1), k];
  const values = backend.output(shape, x.dtype);
  const indices = backend.output(shape, "int32");
  if (sizeOf(values) === 0) return [values, indices];
  const { runtime } = backend;
  const rows = sizeOf(x) / length;
  const padded = 2 ** Math.ceil(Math.log2(length));
  const atOnce = Math.max(1, Math.min(rows, Math.floor(MOST_KEYS / padded)));
  const isFloat = i32(x.dtype === "float32" ? 1 : 0);
  const [from, toValues, toIndices] = [x, values, indices].map((t) => backend.address(t)) as [
    number,
    number,
    number,
  ];
  withScratch(runtime, atOnce * padded * KEY_BYTES, (keys) => {
    for (let row = 0; row < rows; row += atOnce) {
      const some = Math.min(atOnce, rows - row);
      runtime.launch({
        program: rowsProgram,
        entry: "sortKeys",
        grid: gridFor(runtime, some * padded),
        block: BLOCK,
        args: [
          pointer(from + row * length * 4),
          pointer(keys),
          ...[some, length, padded].map(i64),
          isFloat,
        ],
      });
      sortRows(runtime, keys, some * padded, padded);
      runtime.launch({
        program: rowsProgram,
        entry: "sortResults",
        grid: gridFor(runtime, some * k),
        block: BLOCK,
        args: [
          pointer(keys),
          pointer(toValues + row * k * 4),
          pointer(toIndices + row * k * 4),
          ...[some, padded, k].map(i64),
          isFloat,
        ],
      });
    }
  });
  return [values, indices];
}

/** Batcher's bitonic network over rows of `padded` keys: sizes that fit a chunk there, larger strides far away. */
function sortRows(runtime: CudaRuntime, keys: number, count: number, padded: number): void {
  const chunks = (first: number, last: number): void => {
    runtime.launch({
      program: rowsProgram,
      entry: "sortChunks",
      grid: [Math.ceil(count / CHUNK)],
      block: [CHUNK_THREADS],
      args: [pointer(keys), ...[count, padded, first, last].map(i64)],
    });
  };
  chunks(2, Math.min(padded, CHUNK));
  for (let size = 2 * CHUNK; size <= padded; size *= 2) {
    for (let stride = size / 2; stride >= CHUNK; stride /= 2) {
      runtime.launch({
        program: rowsProgram,
        entry: "sortFar",
        grid: gridFor(runtime, count / 2),
        block: BLOCK,
        args: [pointer(keys), ...[count / 2, padded, size, stride].map(i64)],
      });
    }
    chunks(size, size);
  }
}
