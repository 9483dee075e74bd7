/** Entropy and pruned mass, forward and gradient (mathematics in ../../fused). */
import type * as tf from "@tensorflow/tfjs-core";
import type { Selection } from "../../fused/dispatch.ts";
import {
  f32,
  i32,
  pointer,
  type Argument,
  type CudaBackend,
  type CudaRuntime,
  type Program,
} from "../runtime.ts";
import { chunksOf, sumAll, sumChunks } from "./columns.ts";
import { sizes, withScratch } from "./kernel.ts";
import { columnsProgram, entropyProgram, prunedMassProgram } from "./programs.ts";
import { markGroups } from "./select.ts";

/** How a row lies in the registers of a block, and how many blocks go through the rows. */
function rowLayout(
  { gpu }: CudaRuntime,
  rows: number,
  cols: number,
): { quads: number; threads: number; blocks: number } {
  const quads = cols <= 1024 ? 1 : cols <= 16384 ? 4 : Math.max(7, Math.ceil(cols / 4096));
  const threads = 32 * Math.max(1, Math.ceil(cols / (128 * quads)));
  // What is resident at once with 64 registers a thread.
  const resident = Math.max(1, Math.floor(1024 / threads)) * gpu.multiprocessors;
  return { quads, threads, blocks: Math.min(rows, resident) };
}

/** A kernel that goes through the rows: w, c, their extents, `args`, then gradW, partial sums of gradC, a loss a row. */
interface RowKernel {
  readonly program: (quads: number) => Program;
  readonly entry: string;
  readonly args: readonly Argument[];
}

/** `[loss, gradW, gradC]` */
function byRows(
  backend: CudaBackend,
  w: tf.TensorInfo,
  c: tf.TensorInfo,
  { program, entry, args }: RowKernel,
): tf.TensorInfo[] {
  const { runtime } = backend;
  const [rows, cols] = sizes(w);
  const { quads, threads, blocks } = rowLayout(runtime, rows, cols);
  const [loss, gradW, gradC] = outputs(backend, w, c);
  withScratch(runtime, blocks * cols, (partialC) => {
    withScratch(runtime, rows, (losses) => {
      runtime.launch({
        program: program(quads),
        entry,
        grid: [blocks],
        block: [threads],
        args: [
          ...[w, c].map((tensor) => pointer(backend.address(tensor))),
          i32(rows),
          i32(cols),
          ...args,
          pointer(backend.address(gradW)),
          pointer(partialC),
          pointer(losses),
        ],
      });
      sumChunks(runtime, partialC, blocks, cols, backend.address(gradC));
      sumAll(runtime, losses, rows, backend.address(loss));
    });
  });
  return [loss, gradW, gradC];
}

/** `[loss, gradW, gradC]`, each row a distribution. */
export const entropyRows = (
  backend: CudaBackend,
  w: tf.TensorInfo,
  c: tf.TensorInfo,
): tf.TensorInfo[] =>
  byRows(backend, w, c, {
    program: (quads) => entropyProgram({ QUADS: quads }),
    entry: "entropyRows",
    args: [],
  });

/** `[loss, gradW, gradC]`, each column a distribution: what it adds up to, its entropy, its gradient. */
export function entropyColumns(
  backend: CudaBackend,
  w: tf.TensorInfo,
  c: tf.TensorInfo,
): tf.TensorInfo[] {
  const { runtime } = backend;
  const [rows, cols] = sizes(w);
  const [loss, gradW, gradC] = outputs(backend, w, c);
  const { perChunk, chunks } = chunksOf(runtime, rows, cols);
  const shape = [i32(rows), i32(cols), i32(perChunk)];
  const pass = (entry: string, read: readonly number[], out: number): void => {
    runtime.launch({
      program: columnsProgram,
      entry,
      grid: [Math.ceil(cols / 256), chunks],
      block: [256],
      args: [pointer(backend.address(w)), ...read.map(pointer), ...shape, pointer(out)],
    });
  };
  withScratch(runtime, (chunks + 2) * cols, (partial) => {
    const scales = partial + 4 * chunks * cols;
    const entropies = scales + 4 * cols;
    pass("columnSquares", [], partial);
    sumChunks(runtime, partial, chunks, cols, scales, backend.address(c));
    pass("columnEntropies", [scales], partial);
    sumChunks(runtime, partial, chunks, cols, entropies);
    pass("columnGradient", [scales, entropies], backend.address(gradW));
    sumAll(runtime, entropies, cols, backend.address(loss));
  });
  runtime.fill(backend.address(gradC), 0, 4 * cols);
  return [loss, gradW, gradC];
}

/** Groups that lie within the quads that a warp holds. */
const IN_QUADS = [1, 2, 4, 8];

/** `[loss, gradW, gradC]`. */
export function prunedMass(
  backend: CudaBackend,
  w: tf.TensorInfo,
  c: tf.TensorInfo,
  select: Selection,
  temperature: number,
): tf.TensorInfo[] {
  const [rows, cols] = sizes(w);
  const [count, group] =
    select.kind === "nm" ? [select.of - select.keep, select.of] : [select.count, cols];
  if (select.kind === "count") return run(0, 0, 0);
  if (IN_QUADS.includes(group)) return run(group, 0, 0);
  // One byte a weight, then where softened one float a group.
  const bytes = 4 * Math.ceil((rows * cols) / 4);
  return withScratch(backend.runtime, (bytes + (4 * rows * cols) / group) / 4, (mask) => {
    const borders = mask + bytes;
    const scores = { w: backend.address(w), c: backend.address(c) };
    markGroups(backend.runtime, scores, { rows, cols, group, count }, mask, borders);
    return run(-1, mask, borders);
  });

  function run(choice: number, mask: number, borders: number): tf.TensorInfo[] {
    return byRows(backend, w, c, {
      program: (quads) => prunedMassProgram({ QUADS: quads, CHOICE: choice }),
      entry: "prunedMass",
      args: [
        i32(count),
        i32(group),
        f32(temperature === 0 ? 0 : 1 / temperature),
        pointer(mask),
        pointer(borders),
      ],
    });
  }
}

function outputs(
  backend: CudaBackend,
  w: tf.TensorInfo,
  c: tf.TensorInfo,
): [loss: tf.TensorInfo, gradW: tf.TensorInfo, gradC: tf.TensorInfo] {
  return [
    backend.output([], "float32"),
    backend.output(w.shape, "float32"),
    backend.output(c.shape, "float32"),
  ];
}
