/** Sums down columns and over everything, in a fixed order: the same bytes on every run. */
import { i32, pointer, type CudaRuntime } from "../runtime.ts";
import { columnsProgram } from "./programs.ts";

/** Adds up `[chunks, cols]`; with `c` 1/Σ of each column instead, 0 where Σ·c is empty. */
export function sumChunks(
  runtime: CudaRuntime,
  partial: number,
  chunks: number,
  cols: number,
  out: number,
  c = 0,
): void {
  runtime.launch({
    program: columnsProgram,
    entry: "sumChunks",
    grid: [Math.ceil(cols / 32)],
    block: [1024],
    args: [pointer(partial), i32(chunks), i32(cols), pointer(c), pointer(out)],
  });
}

export function sumAll(runtime: CudaRuntime, values: number, count: number, out: number): void {
  runtime.launch({
    program: columnsProgram,
    entry: "sumAll",
    grid: [1],
    block: [1024],
    args: [pointer(values), i32(count), pointer(out)],
  });
}

/** Rows of each chunk that a column's threads share among them, and how many chunks that makes. */
export function chunksOf(
  runtime: CudaRuntime,
  rows: number,
  cols: number,
): { perChunk: number; chunks: number } {
  const across = Math.ceil(cols / 256);
  const wanted = Math.max(1, Math.ceil((8 * runtime.gpu.multiprocessors) / across));
  const perChunk = Math.max(8, Math.ceil(rows / wanted));
  return { perChunk, chunks: Math.ceil(rows / perChunk) };
}
