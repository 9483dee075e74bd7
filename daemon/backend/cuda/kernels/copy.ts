/** Strided copies: what transposition, slicing, joining, padding and repeating come down to. */
import * as tf from "@tensorflow/tfjs-core";
import { i32, i64, pointer, u32, type CudaBackend } from "../runtime.ts";
import { collapse, denseStrides, divided, goesWide, rightAligned, type Walk } from "./extents.ts";
import { BLOCK, bytesOf, gridFor, sizeOf } from "./kernel.ts";
import { movementProgram } from "./programs.ts";

/** One side of a copy: where it starts and how it steps, in elements; dense from the start by default. */
export interface Side {
  readonly tensor: tf.TensorInfo;
  readonly offset?: number;
  readonly strides?: readonly number[];
}

const MAX_RANK = 6;

/** Copies `extents` elements from one tensor to another of the same type. */
export function copy(backend: CudaBackend, extents: readonly number[], from: Side, to: Side): void {
  if (tf.util.sizeFromShape([...extents]) === 0) return;
  const dense = denseStrides(extents);
  const walk = collapse(extents, [from.strides ?? dense, to.strides ?? dense]);
  copyWalk(
    backend,
    walk,
    { address: backend.address(from.tensor), offset: from.offset ?? 0 },
    { address: backend.address(to.tensor), offset: to.offset ?? 0 },
    bytesOf(to.tensor.dtype),
  );
}

interface Place {
  readonly address: number;
  /** Elements. */
  readonly offset: number;
}

function copyWalk(backend: CudaBackend, walk: Walk, from: Place, to: Place, bytes: number): void {
  const { runtime } = backend;
  const { extents, strides } = walk;
  const [ofFrom = [], ofTo = []] = strides;
  const count = tf.util.sizeFromShape([...extents]);
  const last = extents.length - 1;
  const together = (ofFrom[last] ?? 1) === 1 && (ofTo[last] ?? 1) === 1;
  if (together && extents.length <= 1) {
    runtime.copy(to.address + to.offset * bytes, from.address + from.offset * bytes, count * bytes);
    return;
  }
  const parts = divided(walk, MAX_RANK);
  for (const { start, part } of parts ?? []) {
    const next = { ...from, offset: from.offset + start * (ofFrom[0] ?? 0) };
    copyWalk(backend, part, next, { ...to, offset: to.offset + start * (ofTo[0] ?? 0) }, bytes);
  }
  if (parts !== undefined) return;
  const width = together ? widest(walk, [from.offset, to.offset], bytes) : 1;
  // In units of `width` elements everything but the innermost stride, which is 1 where width is more, shrinks.
  const six = (own: readonly number[]): number[] =>
    rightAligned(
      own.map((stride, axis) => (axis === last ? stride : stride / width)),
      MAX_RANK,
      0,
    );
  runtime.launch({
    program: movementProgram,
    entry: `copy_${bytes * width}`,
    grid: gridFor(runtime, count / width),
    block: BLOCK,
    args: [
      pointer(from.address),
      pointer(to.address),
      u32(count / width),
      i32(extents.length),
      i64(from.offset / width),
      i64(to.offset / width),
      ...rightAligned(
        extents.map((extent, axis) => (axis === last ? extent / width : extent)),
        MAX_RANK,
        1,
      ).map(u32),
      ...six(ofFrom).map(i64),
      ...six(ofTo).map(i64),
    ],
  });
}

/** How many elements go in one piece of 16 or 4 bytes. */
function widest(walk: Walk, offsets: readonly number[], bytes: number): number {
  return (
    [16, 4]
      .map((size) => size / bytes)
      .find((width) => width > 1 && goesWide(walk, width, offsets)) ?? 1
  );
}

/** Fills with one value, given as the tensor's type holds it. */
export function fill(backend: CudaBackend, out: tf.TensorInfo, value: number): void {
  const count = sizeOf(out);
  if (count === 0) return;
  const { runtime } = backend;
  const address = backend.address(out);
  const bits = bitsOf(value, out.dtype);
  if (bits === 0 || out.dtype === "bool") {
    runtime.fill(address, bits, count * bytesOf(out.dtype));
    return;
  }
  runtime.launch({
    program: movementProgram,
    entry: "fill_4",
    grid: gridFor(runtime, count / 4),
    block: BLOCK,
    args: [pointer(address), i64(count), u32(bits)],
  });
}

const word = new DataView(new ArrayBuffer(4));

/** A value's bytes in a tensor of the type, as an unsigned number. */
export function bitsOf(value: number, dtype: string): number {
  if (dtype === "bool") return value === 0 ? 0 : 1;
  if (dtype === "float32") word.setFloat32(0, value);
  else word.setInt32(0, value);
  return word.getUint32(0);
}
