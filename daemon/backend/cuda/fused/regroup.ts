/** The search for a better grouping of columns (see ../../fused/regroup.ts): three kernels a round, none waits for us. */
import type * as tf from "@tensorflow/tfjs-core";
import type { RegroupSearch } from "../../fused/regroup.ts";
import { i32, i64, pointer, type Argument, type CudaBackend } from "../runtime.ts";
import { sizes, withScratch } from "./kernel.ts";
import { regroupProgram } from "./programs.ts";

/** Rows after which float32 sums are carried into float64, lanes that share them, threads of `swapBest`: regroup.cu. */
const CARRY = 256;
const LANES = 4;
const JUDGES = 64;

/** int32 `[columns]` */
export function regroupedColumns(
  backend: CudaBackend,
  shares: tf.TensorInfo,
  pairs: tf.TensorInfo,
  { keep, of: size, gain, rounds }: RegroupSearch,
): tf.TensorInfo {
  const { runtime } = backend;
  const [columns, rows] = sizes(shares);
  const [turns, perTurn] = sizes(pairs);
  const groups = columns / size;
  const stretches = Math.ceil(rows / CARRY);
  const program = regroupProgram({ SIZE: size, LOST: size - keep, GAIN: gain });
  const run = (entry: string, threads: number, args: readonly Argument[]): void => {
    const [grid, block] = [[Math.ceil(threads / 256)], [256]] as const;
    runtime.launch({ program, entry, grid, block, args });
  };
  const order = backend.output([columns], "int32");
  const orders = pointer(backend.address(order));
  run("startOrder", columns, [orders, i32(columns)]);

  // float64 first, which must stand at multiples of 8.
  const floats = {
    base: 2 * columns,
    now: 2 * groups,
    next: columns * rows,
    sums: groups * stretches * (size + 1) * LANES,
    minima: 2 * perTurn * size * size * stretches * LANES,
    swapped: perTurn,
  };
  const total = Object.values(floats).reduce((sum, count) => sum + count, 0);
  withScratch(runtime, total, (start) => {
    let end = start;
    const at = Object.fromEntries(
      Object.entries(floats).map(([name, count]) => {
        const address = pointer(end);
        end += 4 * count;
        return [name, address];
      }),
    ) as Record<keyof typeof floats, Argument>;
    const from = pointer(backend.address(shares));
    /** Anew for each slot: a group, or a side of a pair that swapped. */
    const measure = (slots: number, turn: Argument, swapped: Argument): void => {
      const where = [turn, swapped, i64(slots)];
      const whole = [i32(rows), i32(stretches), at.next, at.sums];
      run("groupSums", slots * stretches * LANES, [from, orders, ...where, ...whole]);
      const totals = [at.sums, ...where, i32(stretches), at.base, at.now];
      run("groupTotals", slots * (size + 1), totals);
    };
    measure(groups, pointer(0), pointer(0));
    const table = backend.address(pairs);
    for (let round = 0; round < rounds; round++) {
      const turn = pointer(table + 4 * 2 * perTurn * (round % turns));
      run("swapMinima", 2 * perTurn * size * size * stretches * LANES, [
        ...[from, orders, at.next, turn, i64(perTurn)],
        ...[i32(rows), i32(stretches), at.minima],
      ]);
      runtime.launch({
        program,
        entry: "swapBest",
        grid: [perTurn],
        block: [JUDGES],
        args: [at.minima, at.base, at.now, turn, i32(stretches), orders, at.swapped],
      });
      if (round + 1 < rounds) measure(2 * perTurn, turn, at.swapped);
    }
  });
  return order;
}
