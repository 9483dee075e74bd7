/** bfloat16 and binary16 to float32 and back (see ../../fused/half.ts). */
import * as tf from "@tensorflow/tfjs-core";
import type { HalfFormat } from "../../fused/half.ts";
import { i64, pointer, type CudaBackend } from "../runtime.ts";
import { blocksFor, sizeOf } from "./kernel.ts";
import { halfProgram } from "./programs.ts";

export function decodedHalf(
  backend: CudaBackend,
  words: tf.TensorInfo,
  format: HalfFormat,
  shape: readonly number[],
): tf.TensorInfo {
  const out = backend.output(shape, "float32");
  const count = tf.util.sizeFromShape([...shape]);
  backend.runtime.launch({
    program: halfProgram,
    entry: `decode${format}`,
    grid: [blocksFor(backend.runtime, Math.ceil(count / 2))],
    block: [256],
    args: [pointer(backend.address(words)), pointer(backend.address(out)), i64(count)],
  });
  return out;
}

/** `[values, words]`; in x's own memory where nobody else holds it. */
export function roundedHalf(
  backend: CudaBackend,
  x: tf.TensorInfo,
  format: HalfFormat,
): tf.TensorInfo[] {
  const count = sizeOf(x);
  const words = backend.output([Math.ceil(count / 2)], "int32");
  const from = backend.address(x);
  const alone = backend.refCount(x.dataId) === 1;
  const values = alone ? backend.alias(x, x.shape) : backend.output(x.shape, "float32");
  const to = alone ? backend.ownAddress(x) : backend.address(values);
  backend.runtime.launch({
    program: halfProgram,
    entry: `round${format}`,
    grid: [blocksFor(backend.runtime, Math.ceil(count / 2))],
    block: [256],
    args: [pointer(from), pointer(to), pointer(backend.address(words)), i64(count)],
  });
  return [values, words];
}
