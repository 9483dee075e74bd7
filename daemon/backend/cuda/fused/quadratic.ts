/** Column dot products and scaled columns of matrices or stacks (see ../../fused/quadratic.ts). */
import * as tf from "@tensorflow/tfjs-core";
import { i32, i64, pointer, type CudaBackend } from "../runtime.ts";
import { chunksOf, sumChunks } from "./columns.ts";
import { blocksFor, sizeOf, withScratch } from "./kernel.ts";
import { columnsProgram } from "./programs.ts";

export function columnDots(
  backend: CudaBackend,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
): tf.TensorInfo {
  const { runtime } = backend;
  const [rows, cols] = lastTwo(a);
  const stack = tf.util.sizeFromShape(a.shape.slice(0, -2));
  const out = backend.output([...a.shape.slice(0, -2), 1, cols], "float32");
  // The matrices of a stack are small: their rows need no chunks.
  const { perChunk, chunks } =
    stack === 1 ? chunksOf(runtime, rows, cols) : { perChunk: rows, chunks: 1 };
  const dots = (to: number): void => {
    runtime.launch({
      program: columnsProgram,
      entry: "columnDots",
      grid: [Math.ceil(cols / 256), chunks, stack],
      block: [256],
      args: [
        pointer(backend.address(a)),
        pointer(backend.address(b)),
        i32(rows),
        i32(cols),
        i32(perChunk),
        pointer(to),
      ],
    });
  };
  if (chunks === 1) dots(backend.address(out));
  else {
    withScratch(runtime, chunks * cols, (partial) => {
      dots(partial);
      sumChunks(runtime, partial, chunks, cols, backend.address(out));
    });
  }
  return out;
}

/** In sum's own memory. */
export function addScaledColumns(
  backend: CudaBackend,
  sum: tf.TensorInfo,
  m: tf.TensorInfo,
  g: tf.TensorInfo,
): tf.TensorInfo {
  const [rows, cols] = lastTwo(sum);
  const count = sizeOf(sum);
  backend.runtime.launch({
    program: columnsProgram,
    entry: "addScaledColumns",
    grid: [blocksFor(backend.runtime, count)],
    block: [256],
    args: [
      pointer(backend.ownAddress(sum)),
      ...[m, g].map((tensor) => pointer(backend.address(tensor))),
      i64(count),
      i32(rows),
      i32(cols),
    ],
  });
  return backend.alias(sum, sum.shape);
}

const lastTwo = ({ shape }: tf.TensorInfo): [number, number] => [
  shape.at(-2) ?? 1,
  shape.at(-1) ?? 1,
];
