/** Operations along a row: softmax, running sums and products, the k largest. */
import * as tf from "@tensorflow/tfjs-core";
import { i32, i64, pointer, type CudaBackend } from "../runtime.ts";
import { BLOCK, elementOf, gridFor, kernel, sizeOf, using, type Inputs } from "./kernel.ts";
import { transpose } from "./movement.ts";
import { rowsProgram } from "./programs.ts";
import { topk } from "./topk.ts";
import { cast } from "./unary.ts";

/** Rows up to this long take a warp each, longer ones a block. */
const SHORT_ROW = 256;

/** Along the last axis. */
function softmax(backend: CudaBackend, x: tf.TensorInfo, logarithm: boolean): tf.TensorInfo {
  const out = backend.output(x.shape, "float32");
  const length = x.shape.at(-1) ?? 1;
  const count = sizeOf(x);
  if (count === 0) return out;
  const rows = count / length;
  const lanes = length <= SHORT_ROW ? 32 : 256;
  using(backend, cast(backend, x, "float32"), (logits) => {
    backend.runtime.launch({
      program: rowsProgram,
      entry: "softmax",
      grid: gridFor(backend.runtime, rows * lanes),
      block: BLOCK,
      args: [
        pointer(backend.address(logits)),
        pointer(backend.address(out)),
        i64(rows),
        i64(length),
        i32(lanes),
        i32(logarithm ? 1 : 0),
      ],
    });
  });
  return out;
}

/** Along one axis, which is brought to the end and back. */
function scan(
  backend: CudaBackend,
  name: "cumsum" | "cumprod",
  x: tf.TensorInfo,
  { axis, exclusive, reverse }: tf.CumsumAttrs,
): tf.TensorInfo {
  const along = tf.util.parseAxisParam(axis, [...x.shape])[0] ?? 0;
  const others = x.shape.map((_, k) => k).filter((k) => k !== along);
  const dtype = tf.upcastType(x.dtype, "int32");
  const length = x.shape[along] ?? 1;
  return using(backend, cast(backend, x, dtype), (numbers) =>
    using(backend, transpose(backend, numbers, [...others, along]), (moved) => {
      const out = backend.output(moved.shape, dtype);
      const count = sizeOf(out);
      if (count > 0) {
        backend.runtime.launch({
          program: rowsProgram,
          entry: `${name}_${elementOf(dtype)}`,
          grid: gridFor(backend.runtime, (count / length) * 256),
          block: BLOCK,
          args: [
            pointer(backend.address(moved)),
            pointer(backend.address(out)),
            i64(count / length),
            i64(length),
            i32(exclusive ? 1 : 0),
            i32(reverse ? 1 : 0),
          ],
        });
      }
      const back = x.shape.map((_, k) => (k === along ? others.length : others.indexOf(k)));
      return using(backend, out, () => transpose(backend, out, back));
    }),
  );
}

export function rowKernels(backend: CudaBackend): tf.KernelConfig[] {
  return [
    kernel(tf.Softmax, (inputs) => {
      const { logits } = inputs as Inputs<"logits">;
      return softmax(backend, logits, false);
    }),
    kernel(tf.LogSoftmax, (inputs) => {
      const { logits } = inputs as Inputs<"logits">;
      return softmax(backend, logits, true);
    }),
    kernel(tf.Cumsum, (inputs, attributes) => {
      const { x } = inputs as Inputs<"x">;
      return scan(backend, "cumsum", x, attributes as unknown as tf.CumsumAttrs);
    }),
    kernel(tf.Cumprod, (inputs, attributes) => {
      const { x } = inputs as Inputs<"x">;
      return scan(backend, "cumprod", x, attributes as unknown as tf.CumprodAttrs);
    }),
    kernel(tf.TopK, (inputs, attributes) => {
      const { x } = inputs as Inputs<"x">;
      return topk(backend, x, (attributes as unknown as tf.TopKAttrs).k);
    }),
  ];
}
