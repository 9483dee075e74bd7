/** Masks with an exact count (rules in ../../fused/selectLowest.ts). */
import type * as tf from "@tensorflow/tfjs-core";
import type { Selection } from "../../fused/dispatch.ts";
import {
  i32,
  i64,
  pointer,
  u32,
  type Argument,
  type CudaBackend,
  type CudaRuntime,
} from "../runtime.ts";
import { sizes, withScratch } from "./kernel.ts";
import { selectProgram } from "./programs.ts";

/** From here on a row is spread over the whole grid: magnitude ranks a matrix as one row. */
const LONG_ROW = 1 << 17;

/** bool `[rows, cols]`, true = among the lowest. */
export function lowestMask(
  backend: CudaBackend,
  scores: tf.TensorInfo,
  select: Selection,
): tf.TensorInfo {
  const { runtime } = backend;
  const [rows, cols] = sizes(scores);
  const mask = backend.output(scores.shape, "bool");
  const [from, to] = [backend.address(scores), backend.address(mask)];
  if (select.kind === "nm") {
    const groups = { rows, cols, group: select.of, count: select.of - select.keep };
    markGroups(runtime, { w: from, c: 0 }, groups, to, 0);
  } else {
    markRows(runtime, from, { rows, cols, count: select.count }, to);
  }
  return mask;
}

/** Marks the `count` lowest of every row, of equal ones the left. */
export function markRows(
  runtime: CudaRuntime,
  scores: number,
  { rows, cols, count }: { readonly rows: number; readonly cols: number; readonly count: number },
  mask: number,
): void {
  if (count === 0 || count === cols) {
    runtime.fill(mask, count === 0 ? 0 : 1, rows * cols);
    return;
  }
  if (cols < LONG_ROW) {
    runtime.launch({
      program: selectProgram,
      entry: "lowestOfRows",
      grid: [rows],
      block: [Math.min(1024, 32 * Math.max(1, Math.ceil(cols / 128)))],
      args: [pointer(scores), i32(cols), i32(count), pointer(mask)],
    });
    return;
  }
  for (let row = 0; row < rows; row++) {
    markLongRow(runtime, scores + 4 * row * cols, cols, count, mask + row * cols);
  }
}

/**
 * Marks the `count` lowest of every group.
 * @param scores addresses: w itself where c is 0, else w² c
 * @param borders address for ln θ of each group, or 0
 */
export function markGroups(
  runtime: CudaRuntime,
  scores: { readonly w: number; readonly c: number },
  of: {
    readonly rows: number;
    readonly cols: number;
    readonly group: number;
    readonly count: number;
  },
  mask: number,
  borders: number,
): void {
  const perRow = of.cols / of.group;
  const groups = of.rows * perRow;
  runtime.launch({
    program: selectProgram,
    entry: "lowestOfGroups",
    grid: [Math.ceil(groups / 256)],
    block: [256],
    args: [
      pointer(scores.w),
      pointer(scores.c),
      i64(groups),
      i32(perRow),
      i32(of.group),
      i32(of.count),
      pointer(mask),
      pointer(borders),
    ],
  });
}

/** Digits of 11, 10 and 10 bits, counted over the grid; then equals are numbered from the left. */
function markLongRow(
  runtime: CudaRuntime,
  scores: number,
  cols: number,
  count: number,
  mask: number,
): void {
  const wanted = Math.min(4 * runtime.gpu.multiprocessors, Math.ceil(cols / 4096));
  const perBlock = 1024 * Math.ceil(cols / wanted / 1024);
  const blocks = Math.ceil(cols / perBlock);
  const row = [pointer(scores), i64(cols), i64(perBlock)];
  const run = (entry: string, args: readonly Argument[], grid = 1, block = 32): void => {
    runtime.launch({ program: selectProgram, entry, grid: [grid], block: [block], args });
  };
  // The search's state (three words of four), the histogram, a number for each block.
  withScratch(runtime, 4 + 2048 + blocks, (search) => {
    const histogram = search + 4 * 4;
    const equal = histogram + 4 * 2048;
    run("startSearch", [pointer(search), u32(count), pointer(histogram)]);
    for (let digit = 0; digit < 3; digit++) {
      const counted = [...row, i32(digit), pointer(search), pointer(histogram)];
      run("countDigits", counted, blocks, 1024);
      run("pickDigit", [pointer(histogram), i32(digit), pointer(search)]);
    }
    run("countEqual", [...row, pointer(search), pointer(equal)], blocks, 1024);
    run("sumBefore", [pointer(equal), i32(blocks)], 1, 1024);
    run("markLowest", [...row, pointer(search), pointer(equal), pointer(mask)], blocks, 1024);
  });
}
