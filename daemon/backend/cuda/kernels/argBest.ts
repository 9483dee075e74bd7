/** The place of the largest or smallest along one axis. */
import type * as tf from "@tensorflow/tfjs-core";
import { i32, i64, pointer, type CudaBackend } from "../runtime.ts";
import { BLOCK, elementOf, gridFor, sizeOf, using } from "./kernel.ts";
import { transpose } from "./movement.ts";
import { argBestProgram } from "./programs.ts";
import { cast } from "./unary.ts";

/** int32, of equals the first. */
export function argBest(
  backend: CudaBackend,
  x: tf.TensorInfo,
  axis: number,
  largest: boolean,
): tf.TensorInfo {
  const others = x.shape.map((_, k) => k).filter((k) => k !== axis);
  const out = backend.output(
    others.map((k) => x.shape[k] ?? 1),
    "int32",
  );
  const rows = sizeOf(out);
  if (rows === 0) return out;
  using(backend, transpose(backend, x, [...others, axis]), (moved) => {
    using(
      backend,
      moved.dtype === "bool" ? cast(backend, moved, "int32") : backend.alias(moved, moved.shape),
      (values) => {
        backend.runtime.launch({
          program: argBestProgram,
          entry: `argBest_${elementOf(values.dtype)}`,
          grid: gridFor(backend.runtime, rows * 32),
          block: BLOCK,
          args: [
            pointer(backend.address(values)),
            pointer(backend.address(out)),
            i64(rows),
            i64(x.shape[axis] ?? 1),
            i32(largest ? 1 : 0),
          ],
        });
      },
    );
  });
  return out;
}
