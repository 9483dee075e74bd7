/** Tensors out of nothing, and the same data under another shape. */
import * as tf from "@tensorflow/tfjs-core";
import { f32, i32, i64, pointer, type CudaBackend } from "../runtime.ts";
import { fill } from "./copy.ts";
import { BLOCK, gridFor, kernel, sizeOf, type Inputs } from "./kernel.ts";
import { movementProgram } from "./programs.ts";

/** `start + i · step`, for `count` values of i. */
function range(
  backend: CudaBackend,
  start: number,
  step: number,
  count: number,
  dtype: "float32" | "int32",
): tf.TensorInfo {
  const out = backend.output([count], dtype);
  if (count === 0) return out;
  const number = dtype === "float32" ? f32 : i32;
  backend.runtime.launch({
    program: movementProgram,
    entry: dtype === "float32" ? "range_float" : "range_int",
    grid: gridFor(backend.runtime, count),
    block: BLOCK,
    args: [pointer(backend.address(out)), i64(count), number(start), number(step)],
  });
  return out;
}

function filled(
  backend: CudaBackend,
  shape: readonly number[],
  dtype: tf.DataType,
  value: number,
): tf.TensorInfo {
  const out = backend.output(shape, dtype);
  fill(backend, out, value);
  return out;
}

export function creationKernels(backend: CudaBackend): tf.KernelConfig[] {
  return [
    kernel(tf.Identity, (inputs) => {
      const { x } = inputs as Inputs<"x">;
      return backend.alias(x, x.shape);
    }),
    kernel(tf.Reshape, (inputs, attributes) => {
      const { x } = inputs as Inputs<"x">;
      const { shape } = attributes as unknown as tf.ReshapeAttrs;
      const inferred = tf.util.inferFromImplicitShape([...shape], sizeOf(x));
      tf.util.assert(
        tf.util.sizeFromShape(inferred) === sizeOf(x),
        () => `[${x.shape.join()}] cannot be seen as [${shape.join()}]`,
      );
      return backend.alias(x, inferred);
    }),
    kernel(tf.ExpandDims, (inputs, attributes) => {
      const { input } = inputs as Inputs<"input">;
      const { dim } = attributes as unknown as tf.ExpandDimsAttrs;
      const at = dim < 0 ? input.shape.length + 1 + dim : dim;
      return backend.alias(input, [...input.shape.slice(0, at), 1, ...input.shape.slice(at)]);
    }),
    kernel(tf.ZerosLike, (inputs) => {
      const { x } = inputs as Inputs<"x">;
      return filled(backend, x.shape, x.dtype, 0);
    }),
    kernel(tf.OnesLike, (inputs) => {
      const { x } = inputs as Inputs<"x">;
      return filled(backend, x.shape, x.dtype, 1);
    }),
    kernel(tf.Fill, (_, attributes) => {
      const { shape, value, dtype } = attributes as unknown as tf.FillAttrs;
      return filled(backend, shape, dtype, Number(value));
    }),
    kernel(tf.Range, (_, attributes) => {
      const { start, stop, step, dtype } = attributes as unknown as tf.RangeAttrs;
      // As in TensorFlow.js: the wrong direction is empty, unless the step was left at 1.
      const towards = start > stop && step === 1 ? -1 : step;
      const count = start === stop ? 0 : Math.max(0, Math.ceil((stop - start) / towards));
      return range(backend, start, towards, count, dtype);
    }),
    kernel(tf.LinSpace, (_, attributes) => {
      const { start, stop, num } = attributes as unknown as tf.LinSpaceAttrs;
      return range(backend, start, num > 1 ? (stop - start) / (num - 1) : 0, num, "float32");
    }),
  ];
}
