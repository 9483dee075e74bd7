/** Conversions and functions of one tensor, element by element. */
import type * as tf from "@tensorflow/tfjs-core";
import { f32, i64, pointer, type CudaBackend } from "../runtime.ts";
import { supported, UNARY, type Expression, type UnaryName } from "./expressions.ts";
import { BLOCK, DTYPES, elementOf, gridFor, sizeOf, using } from "./kernel.ts";
import { unaryProgram } from "./programs.ts";

/** Always a new reference, of the same data where the type is right already. */
export function cast(backend: CudaBackend, x: tf.TensorInfo, dtype: tf.DataType): tf.TensorInfo {
  if (x.dtype === dtype) return backend.alias(x, x.shape);
  const out = backend.output(x.shape, dtype);
  launchUnary(backend, `Cast_${elementOf(dtype)}_${elementOf(x.dtype)}`, x, out, 0, 0);
  return out;
}

/** `p` and `q`: see the operation's expression. */
export function unary(
  backend: CudaBackend,
  name: UnaryName,
  x: tf.TensorInfo,
  p = 0,
  q = 0,
): tf.TensorInfo {
  const expression: Expression = UNARY[name];
  const element = elementOf(x.dtype);
  if (expression[element] === undefined) {
    const type = supported(expression);
    const result = using(backend, cast(backend, x, DTYPES[type]), (converted) =>
      unary(backend, name, converted, p, q),
    );
    if (expression.result !== undefined) return result;
    return using(backend, result, () => cast(backend, result, DTYPES[element]));
  }
  const out = backend.output(x.shape, DTYPES[expression.result ?? element]);
  launchUnary(backend, `${name}_${element}`, x, out, p, q);
  return out;
}

/** An operation that changes nothing of the type, written over its operand: for results still being made. */
export function unaryInPlace(
  backend: CudaBackend,
  name: UnaryName,
  x: tf.TensorInfo,
  p = 0,
  q = 0,
): void {
  launchUnary(backend, `${name}_${elementOf(x.dtype)}`, x, x, p, q);
}

function launchUnary(
  backend: CudaBackend,
  entry: string,
  x: tf.TensorInfo,
  out: tf.TensorInfo,
  p: number,
  q: number,
): void {
  const count = sizeOf(x);
  if (count === 0) return;
  backend.runtime.launch({
    program: unaryProgram(entry),
    entry,
    grid: gridFor(backend.runtime, count / 4),
    block: BLOCK,
    args: [pointer(backend.address(x)), pointer(backend.address(out)), i64(count), f32(p), f32(q)],
  });
}
