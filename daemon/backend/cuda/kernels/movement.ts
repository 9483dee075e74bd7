/** Tensors in another order, cut, joined, padded and repeated. */
import * as tf from "@tensorflow/tfjs-core";
import { i32, pointer, type CudaBackend, type CudaRuntime } from "../runtime.ts";
import { copy, fill } from "./copy.ts";
import { collapse, denseStrides } from "./extents.ts";
import { bytesOf, kernel, type Inputs } from "./kernel.ts";
import { movementProgram } from "./programs.ts";

export function transpose(
  backend: CudaBackend,
  x: tf.TensorInfo,
  perm: readonly number[],
): tf.TensorInfo {
  const strides = denseStrides(x.shape);
  const shape = perm.map((axis) => x.shape[axis] ?? 1);
  const permuted = perm.map((axis) => strides[axis] ?? 0);
  const { extents, strides: collapsed } = collapse(shape, [permuted, denseStrides(shape)]);
  const steps = collapsed[0] ?? [];
  if (extents.length <= 1) return backend.alias(x, shape);
  const out = backend.output(shape, x.dtype);
  const [cols = 1, rows = 1] = extents.slice(-2);
  const batch = extents.length === 3 ? (extents[0] ?? 1) : 1;
  const swapped =
    extents.length <= 3 &&
    steps.at(-1) === cols &&
    steps.at(-2) === 1 &&
    (extents.length === 2 || steps[0] === rows * cols);
  if (!swapped) {
    copy(backend, shape, { tensor: x, strides: permuted }, { tensor: out });
    return out;
  }
  const to = { rows, cols, batch, bytes: bytesOf(x.dtype) };
  transposeMatrices(backend.runtime, backend.address(x), backend.address(out), to);
  return out;
}

/** Dense matrices one after the other, each turned; the extents are those before. */
export function transposeMatrices(
  runtime: Pick<CudaRuntime, "launch">,
  from: number,
  to: number,
  {
    rows,
    cols,
    batch = 1,
    bytes = 4,
  }: {
    readonly rows: number;
    readonly cols: number;
    readonly batch?: number;
    readonly bytes?: 1 | 4;
  },
): void {
  const [across, down] = [Math.ceil(cols / 32), Math.ceil(rows / 32)];
  runtime.launch({
    program: movementProgram,
    entry: `transpose_${bytes}`,
    grid: [batch * across * down],
    block: [32, 8],
    args: [pointer(from), pointer(to), ...[rows, cols, across, down].map(i32)],
  });
}

/** `size` elements along each axis from `begin` on, `steps` apart. */
export function slice(
  backend: CudaBackend,
  x: tf.TensorInfo,
  begin: readonly number[],
  size: readonly number[],
  steps?: readonly number[],
): tf.TensorInfo {
  const strides = denseStrides(x.shape);
  const offset = begin.reduce((sum, start, axis) => sum + start * (strides[axis] ?? 0), 0);
  const stepped = strides.map((stride, axis) => stride * (steps?.[axis] ?? 1));
  const whole = steps === undefined && tf.util.arraysEqual([...size], [...x.shape]);
  if (whole) return backend.alias(x, x.shape);
  const out = backend.output(size, x.dtype);
  copy(backend, size, { tensor: x, offset, strides: stepped }, { tensor: out });
  return out;
}

/** Puts `x` into the larger `out`, from `begin` on. */
function place(
  backend: CudaBackend,
  x: tf.TensorInfo,
  out: tf.TensorInfo,
  begin: readonly number[],
): void {
  const strides = denseStrides(out.shape);
  const offset = begin.reduce((sum, start, axis) => sum + start * (strides[axis] ?? 0), 0);
  copy(backend, x.shape, { tensor: x }, { tensor: out, offset, strides });
}

export function concat(
  backend: CudaBackend,
  tensors: readonly tf.TensorInfo[],
  axis: number,
): tf.TensorInfo {
  const [first] = tensors;
  if (first === undefined) throw new RangeError("Concat of nothing");
  const shape = tf.backend_util.computeOutShape(
    tensors.map((tensor) => [...tensor.shape]),
    axis,
  );
  const out = backend.output(shape, first.dtype);
  const begin = shape.map(() => 0);
  for (const tensor of tensors) {
    place(backend, tensor, out, begin);
    begin[axis] = (begin[axis] ?? 0) + (tensor.shape[axis] ?? 0);
  }
  return out;
}

export function pad(
  backend: CudaBackend,
  x: tf.TensorInfo,
  paddings: readonly (readonly [before: number, after: number])[],
  value: number,
): tf.TensorInfo {
  const shape = x.shape.map((extent, axis) => {
    const [before, after] = paddings[axis] ?? [0, 0];
    return before + extent + after;
  });
  const out = backend.output(shape, x.dtype);
  fill(backend, out, value);
  place(
    backend,
    x,
    out,
    paddings.map(([before]) => before),
  );
  return out;
}

export function tile(
  backend: CudaBackend,
  x: tf.TensorInfo,
  reps: readonly number[],
): tf.TensorInfo {
  const strides = denseStrides(x.shape);
  const shape = x.shape.map((extent, axis) => extent * (reps[axis] ?? 1));
  const out = backend.output(shape, x.dtype);
  // Each axis twice: which repetition (nothing moves in x), and where within it.
  const extents = x.shape.flatMap((extent, axis) => [reps[axis] ?? 1, extent]);
  const repeated = strides.flatMap((stride) => [0, stride]);
  copy(backend, extents, { tensor: x, strides: repeated }, { tensor: out });
  return out;
}

export function reverse(
  backend: CudaBackend,
  x: tf.TensorInfo,
  axes: readonly number[],
): tf.TensorInfo {
  const turned = x.shape.map((_, axis) => axes.includes(axis));
  const last = x.shape.map((extent, axis) => (turned[axis] === true ? extent - 1 : 0));
  const steps = turned.map((backwards) => (backwards ? -1 : 1));
  return slice(backend, x, last, x.shape, steps);
}

/** An axis given from either end, as counted from the first. */
const fromFirst = (axis: number, shape: readonly number[]): number =>
  tf.util.parseAxisParam(axis, [...shape])[0] ?? 0;

export function movementKernels(backend: CudaBackend): tf.KernelConfig[] {
  return [
    kernel(tf.Transpose, (inputs, attributes) => {
      const { x } = inputs as Inputs<"x">;
      return transpose(backend, x, (attributes as unknown as tf.TransposeAttrs).perm);
    }),
    kernel(tf.Slice, (inputs, attributes) => {
      const { x } = inputs as Inputs<"x">;
      const wanted = attributes as unknown as tf.SliceAttrs;
      const parsed = tf.slice_util.parseSliceParams(x, wanted.begin, wanted.size);
      const [begin = [], size = []] = parsed;
      tf.slice_util.assertParamsValid(x, begin, size);
      return slice(backend, x, begin, size);
    }),
    kernel(tf.StridedSlice, (inputs, attributes) => {
      const { x } = inputs as Inputs<"x">;
      const wanted = attributes as unknown as tf.StridedSliceAttrs;
      const { begin, end, finalShape, strides } = tf.slice_util.sliceInfo(
        [...x.shape],
        wanted.begin,
        wanted.end,
        wanted.strides,
        wanted.beginMask,
        wanted.endMask,
        wanted.ellipsisMask,
        wanted.newAxisMask,
        wanted.shrinkAxisMask,
      );
      const size = tf.slice_util.computeOutShape(begin, end, strides);
      const cut = slice(backend, x, begin, size, strides);
      const out = backend.alias(cut, finalShape);
      backend.release(cut);
      return out;
    }),
    kernel(tf.Concat, (inputs, attributes) => {
      const tensors = inputs as unknown as tf.TensorInfo[];
      const { axis } = attributes as unknown as tf.ConcatAttrs;
      return concat(backend, tensors, fromFirst(axis, tensors[0]?.shape ?? []));
    }),
    kernel(tf.Pack, (inputs, attributes) => {
      const tensors = inputs as unknown as tf.TensorInfo[];
      const { axis } = attributes as unknown as tf.PackAttrs;
      const at = fromFirst(axis, [...(tensors[0]?.shape ?? []), 1]);
      const expanded = tensors.map((tensor) =>
        backend.alias(tensor, [...tensor.shape.slice(0, at), 1, ...tensor.shape.slice(at)]),
      );
      const out = concat(backend, expanded, at);
      for (const tensor of expanded) backend.release(tensor);
      return out;
    }),
    kernel(tf.SplitV, (inputs, attributes) => {
      const { x } = inputs as Inputs<"x">;
      const { numOrSizeSplits, axis } = attributes as unknown as tf.SplitVAttrs;
      const along = fromFirst(axis, x.shape);
      const begin = x.shape.map(() => 0);
      return tf.backend_util.prepareSplitSize(x, numOrSizeSplits, along).map((size) => {
        const part = slice(backend, x, begin, replaced(x.shape, along, size));
        begin[along] = (begin[along] ?? 0) + size;
        return part;
      });
    }),
    kernel(tf.Unpack, (inputs, attributes) => {
      const { value } = inputs as Inputs<"value">;
      const along = fromFirst((attributes as unknown as tf.UnpackAttrs).axis, value.shape);
      const shape = value.shape.filter((_, axis) => axis !== along);
      return Array.from({ length: value.shape[along] ?? 0 }, (_, i) => {
        const begin = value.shape.map((_, axis) => (axis === along ? i : 0));
        const part = slice(backend, value, begin, replaced(value.shape, along, 1));
        const out = backend.alias(part, shape);
        backend.release(part);
        return out;
      });
    }),
    kernel(tf.PadV2, (inputs, attributes) => {
      const { x } = inputs as Inputs<"x">;
      const { paddings, constantValue } = attributes as unknown as tf.PadV2Attrs;
      return pad(backend, x, paddings, constantValue);
    }),
    kernel(tf.Tile, (inputs, attributes) => {
      const { x } = inputs as Inputs<"x">;
      return tile(backend, x, (attributes as unknown as tf.TileAttrs).reps);
    }),
    kernel(tf.Reverse, (inputs, attributes) => {
      const { x } = inputs as Inputs<"x">;
      const { dims } = attributes as unknown as tf.ReverseAttrs;
      return reverse(backend, x, tf.util.parseAxisParam(dims, [...x.shape]));
    }),
  ];
}

const replaced = (shape: readonly number[], axis: number, extent: number): number[] =>
  shape.map((own, k) => (k === axis ? extent : own));
