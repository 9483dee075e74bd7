/** SparseGPT on one block of columns (mathematics in ../../fused/sparsegpt.ts). */
import type * as tf from "@tensorflow/tfjs-core";
import type { Selection } from "../../fused/dispatch.ts";
import { i32, pointer, type CudaBackend } from "../runtime.ts";
import { sizes } from "./kernel.ts";
import { sparsegptProgram } from "./programs.ts";

/** Columns that the kernel takes at a time: four to a lane, and a block of U that fits into shared memory. */
const COLUMNS = 128;
const WARPS = 8;

/**
 * `[weights, errors]`. A wider block is taken in parts, with what a part leaves behind moved on by a product.
 * @param select N:M, or none with a mask
 */
export function sparsegptBlock(
  backend: CudaBackend,
  w: tf.TensorInfo,
  u: tf.TensorInfo,
  mask: tf.TensorInfo | undefined,
  select: Selection | undefined,
): tf.TensorInfo[] {
  const { runtime } = backend;
  const [rows, b] = sizes(w);
  const weights = backend.output(w.shape, "float32");
  const errors = backend.output(w.shape, "float32");
  const [to, left, factor] = [weights, errors, u].map((tensor) => backend.address(tensor)) as [
    number,
    number,
    number,
  ];
  const [count, group] = select?.kind === "nm" ? [select.of - select.keep, select.of] : [0, 1];
  const width = Math.max(1, Math.floor(COLUMNS / group)) * group;
  const marks = mask === undefined ? 0 : backend.address(mask);
  // One part reads the caller's weights where they are; several work on a copy.
  const first = b <= width ? backend.address(w) : to;
  if (first === to) runtime.copy(to, backend.address(w), 4 * rows * b);
  for (let start = 0; start < b; start += width) {
    const size = Math.min(width, b - start);
    const slots = slotsFor(size);
    const scores = 4 * WARPS * 32 * slots;
    const keepU = scores + 4 * size * size <= runtime.gpu.sharedBytesPerBlock;
    runtime.launch({
      program: sparsegptProgram({ SLOTS: slots }),
      entry: "sparsegptBlock",
      grid: [Math.ceil(rows / WARPS)],
      block: [32 * WARPS],
      sharedBytes: scores + (keepU ? 4 * size * size : 0),
      args: [
        pointer(first + 4 * start),
        i32(b),
        pointer(factor + 4 * start * (b + 1)),
        i32(b),
        pointer(marks === 0 ? 0 : marks + start),
        i32(b),
        i32(rows),
        i32(size),
        i32(count),
        i32(group),
        i32(keepU ? 1 : 0),
        pointer(to + 4 * start),
        pointer(left + 4 * start),
        i32(b),
      ],
    });
    const after = b - start - size;
    if (after === 0) break;
    const next = start + size;
    runtime.gemm({
      m: rows,
      n: after,
      k: size,
      transposeA: false,
      transposeB: false,
      a: left + 4 * start,
      lda: b,
      b: factor + 4 * (start * b + next),
      ldb: b,
      c: to + 4 * next,
      ldc: b,
      alpha: -1,
      beta: 1,
      precision: "f32",
    });
  }
  return [weights, errors];
}

/** Columns a lane: a power of two, so that there are few programs. */
function slotsFor(columns: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, columns / 32)));
}
