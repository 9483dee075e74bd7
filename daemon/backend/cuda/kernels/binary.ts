/** Functions of two tensors that broadcast, element by element. */
import * as tf from "@tensorflow/tfjs-core";
import { i32, i64, pointer, u32, type CudaBackend } from "../runtime.ts";
import { BINARY, supported, type BinaryName, type Expression } from "./expressions.ts";
import {
  broadcastStrides,
  collapse,
  denseStrides,
  divided,
  goesWide,
  rightAligned,
  type Walk,
} from "./extents.ts";
import { BLOCK, bytesOf, DTYPES, elementOf, gridFor, sizeOf, using } from "./kernel.ts";
import { binaryProgram } from "./programs.ts";
import { cast } from "./unary.ts";

export function binary(
  backend: CudaBackend,
  name: BinaryName,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
): tf.TensorInfo {
  const expression: Expression = BINARY[name];
  const element = elementOf(tf.upcastType(a.dtype, b.dtype));
  const type = expression[element] === undefined ? supported(expression) : element;
  const dtype = DTYPES[type];
  if (a.dtype !== dtype || b.dtype !== dtype) {
    const result = using(backend, cast(backend, a, dtype), (left) =>
      using(backend, cast(backend, b, dtype), (right) => binary(backend, name, left, right)),
    );
    if (expression.result !== undefined || type === element) return result;
    return using(backend, result, () => cast(backend, result, DTYPES[element]));
  }
  const shape = tf.broadcast_util.assertAndGetBroadcastShape([...a.shape], [...b.shape]);
  const out = backend.output(shape, DTYPES[expression.result ?? type]);
  launchBinary(backend, `${name}_${type}`, a, b, out);
  return out;
}

/** `x ← op(x, other)`; `other` broadcasts to `x`, and the operation keeps the type. */
export function binaryInPlace(
  backend: CudaBackend,
  name: BinaryName,
  x: tf.TensorInfo,
  other: tf.TensorInfo,
): void {
  launchBinary(backend, `${name}_${elementOf(x.dtype)}`, x, other, x);
}

function launchBinary(
  backend: CudaBackend,
  entry: string,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  out: tf.TensorInfo,
): void {
  if (sizeOf(out) === 0) return;
  const at: Addresses = {
    a: backend.address(a),
    b: backend.address(b),
    out: backend.address(out),
    bytes: bytesOf(a.dtype),
    outBytes: bytesOf(out.dtype),
  };
  if (tf.util.arraysEqual([...a.shape], [...b.shape])) {
    launchFlat(backend, entry, at, sizeOf(out), 1, 1);
    return;
  }
  const walk = collapse(out.shape, [
    broadcastStrides(a.shape, out.shape),
    broadcastStrides(b.shape, out.shape),
  ]);
  launchWalk(backend, entry, at, walk, goesWide(walk, 4));
}

interface Addresses {
  readonly a: number;
  readonly b: number;
  readonly out: number;
  /** Of an element of the operands, and of the result. */
  readonly bytes: number;
  readonly outBytes: number;
}

function launchFlat(
  backend: CudaBackend,
  entry: string,
  at: Addresses,
  count: number,
  stepA: number,
  stepB: number,
): void {
  backend.runtime.launch({
    program: binaryProgram(entry),
    entry: `${entry}_flat`,
    grid: gridFor(backend.runtime, count / 4),
    block: BLOCK,
    args: [pointer(at.a), pointer(at.b), pointer(at.out), i64(count), i32(stepA), i32(stepB)],
  });
}

const MAX_RANK = 4;

function launchWalk(
  backend: CudaBackend,
  entry: string,
  at: Addresses,
  walk: Walk,
  wide: boolean,
): void {
  const { extents, strides } = walk;
  const [ofA = [], ofB = []] = strides;
  const last = extents.length - 1;
  const [stepA = 0, stepB = 0] = [ofA[last], ofB[last]];
  const count = tf.util.sizeFromShape([...extents]);
  if (extents.length <= 1) {
    launchFlat(backend, entry, at, count, stepA, stepB);
    return;
  }
  const parts = divided(walk, MAX_RANK);
  if (parts !== undefined) {
    const each = denseStrides(extents)[0] ?? 0;
    for (const { start, part } of parts) {
      const moved = {
        ...at,
        a: at.a + start * (ofA[0] ?? 0) * at.bytes,
        b: at.b + start * (ofB[0] ?? 0) * at.bytes,
        out: at.out + start * each * at.outBytes,
      };
      launchWalk(backend, entry, moved, part, wide);
    }
    return;
  }
  const width = wide ? 4 : 1;
  // The outermost stride first and the others at the end; unused ones between.
  const four = (own: readonly number[]): number[] => [
    own[0] ?? 0,
    ...rightAligned([...own.slice(1, -1), (own[last] ?? 0) * width], 3, 0),
  ];
  const inner = rightAligned(
    extents.slice(1).map((extent, axis) => (axis === last - 1 ? extent / width : extent)),
    3,
    1,
  );
  backend.runtime.launch({
    program: binaryProgram(entry),
    entry: `${entry}_${wide ? "wide" : "each"}`,
    grid: gridFor(backend.runtime, count / width),
    block: BLOCK,
    args: [
      ...[at.a, at.b, at.out].map(pointer),
      u32(count / width),
      ...[extents.length, stepA, stepB].map(i32),
      ...inner.map(u32),
      ...four(ofA).map(i64),
      ...four(ofB).map(i64),
    ],
  });
}
