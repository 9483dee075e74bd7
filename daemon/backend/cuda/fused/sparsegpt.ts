/** SparseGPT on one block of columns (mathematics in ../../fused/sparsegpt.ts). */
import type * as tf from "@tensorflow/tfjs-core";
import type { Selection } from "../../fused/dispatch.ts";
import { i32, i64, pointer, type CudaBackend } from "../runtime.ts";
import { blocksFor, sizes, withScratch } from "./kernel.ts";
import { sparsegptProgram } from "./programs.ts";
import { markRows } from "./select.ts";

/** Columns that the kernel takes at a time: four to a lane, and a block of U that fits into shared memory. */
const COLUMNS = 128;
const WARPS = 8;

/** A mask whose rows are `ld` bytes apart; address 0: the kernel chooses. */
interface Mask {
  readonly address: number;
  readonly ld: number;
}

/**
 * `[weights, errors]`. A wider block is taken in parts, with what a part leaves behind moved on by a product. A group
 * wider than a part is chosen as a whole when its first column is reached.
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
  const wide = group > COLUMNS;
  const width = wide ? COLUMNS : Math.floor(COLUMNS / group) * group;
  // One part reads the caller's weights where they are; several work on a copy.
  const first = b <= width ? backend.address(w) : to;
  if (first === to) runtime.copy(to, backend.address(w), 4 * rows * b);
  if (wide) {
    withScratch(runtime, (rows * group) / 4, (marks) => {
      for (let start = 0; start < b; start += group) {
        choose(start, marks);
        inParts(start, start + group, { address: marks, ld: group });
      }
    });
  } else {
    inParts(0, b, { address: mask === undefined ? 0 : backend.address(mask), ld: b });
  }
  return [weights, errors];

  /** The mask of the group that starts there, by weights that carry the errors of all columns before it. */
  function choose(start: number, marks: number): void {
    withScratch(runtime, rows * group, (scores) => {
      runtime.launch({
        program: sparsegptProgram({ SLOTS: slotsFor(COLUMNS) }),
        entry: "wideScores",
        grid: [blocksFor(runtime, rows * group)],
        block: [256],
        args: [
          pointer(first + 4 * start),
          i32(b),
          pointer(factor + 4 * start * (b + 1)),
          i32(b),
          i64(rows * group),
          i32(group),
          pointer(scores),
        ],
      });
      markRows(runtime, scores, { rows, cols: group, count }, marks);
    });
  }

  /** The columns from `from` to `end`; `marks` has its first column where `from` is. */
  function inParts(from: number, end: number, marks: Mask): void {
    for (let start = from; start < end; start += width) {
      const size = Math.min(width, end - start);
      const address = marks.address === 0 ? 0 : marks.address + start - from;
      prune(start, size, { ...marks, address });
      pass(start, size);
    }
  }

  function prune(start: number, size: number, marks: Mask): void {
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
        pointer(marks.address),
        i32(marks.ld),
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
  }

  /** What a part's errors leave to all columns behind it. */
  function pass(start: number, size: number): void {
    const next = start + size;
    if (next === b) return;
    runtime.gemm({
      m: rows,
      n: b - next,
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
}

/** Columns a lane: a power of two, so that there are few programs. */
function slotsFor(columns: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, columns / 32)));
}
