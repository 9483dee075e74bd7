/** Rows by index: gathered, summed by segment, one-hot. */
import * as tf from "@tensorflow/tfjs-core";
import { i32, i64, pointer, u32, type CudaBackend } from "../runtime.ts";
import { bitsOf } from "./copy.ts";
import {
  BLOCK,
  bytesOf,
  elementOf,
  gridFor,
  kernel,
  sizeOf,
  using,
  type Inputs,
} from "./kernel.ts";
import { indexingProgram } from "./programs.ts";
import { cast } from "./unary.ts";

/** An index out of range gives 0: the device cannot throw. */
function gather(
  backend: CudaBackend,
  x: tf.TensorInfo,
  indices: tf.TensorInfo,
  axis: number,
  batchDims: number,
): tf.TensorInfo {
  const { batchSize, outerSize, dimSize, sliceSize, outputShape } =
    tf.backend_util.segment_util.collectGatherOpShapeInfo(x, indices, axis, batchDims);
  const out = backend.output(outputShape, x.dtype);
  const count = sizeOf(out);
  if (count === 0) return out;
  const bytes = bytesOf(x.dtype);
  const size = [16, 4].find((unit) => unit > bytes && (sliceSize * bytes) % unit === 0) ?? bytes;
  const width = size / bytes;
  backend.runtime.launch({
    program: indexingProgram,
    entry: `gather_${size}`,
    grid: gridFor(backend.runtime, count / width),
    block: BLOCK,
    args: [
      ...[x, indices, out].map((tensor) => pointer(backend.address(tensor))),
      i64(count / width),
      ...[outerSize, dimSize, sizeOf(indices) / batchSize, sliceSize / width].map(i64),
    ],
  });
  return out;
}

/** Uploads the extents and strides of the axes that coordinates go along. */
function withExtents<T>(
  backend: CudaBackend,
  shape: readonly number[],
  strides: readonly number[],
  use: (address: number) => T,
): T {
  const values = Int32Array.from([...shape, ...strides]);
  const dataId = backend.write(values, [values.length], "int32");
  return using(backend, { dataId, shape: [values.length], dtype: "int32" }, (extents) =>
    use(backend.address(extents)),
  );
}

function gatherNd(
  backend: CudaBackend,
  params: tf.TensorInfo,
  indices: tf.TensorInfo,
): tf.TensorInfo {
  const depth = indices.shape.at(-1) ?? 0;
  const [shape, , sliceSize, strides] = tf.backend_util.prepareAndValidate(params, indices);
  const out = backend.output(shape, params.dtype);
  const count = sizeOf(out);
  if (count === 0) return out;
  withExtents(backend, params.shape.slice(0, depth), strides, (extents) => {
    backend.runtime.launch({
      program: indexingProgram,
      entry: `gatherNd_${bytesOf(params.dtype)}`,
      grid: gridFor(backend.runtime, count),
      block: BLOCK,
      args: [
        ...[backend.address(params), backend.address(indices), extents, backend.address(out)].map(
          pointer,
        ),
        i64(count),
        i32(depth),
        i64(sliceSize),
      ],
    });
  });
  return out;
}

function segmentSum(
  backend: CudaBackend,
  x: tf.TensorInfo,
  segmentIds: tf.TensorInfo,
  numSegments: number,
): tf.TensorInfo {
  if (x.dtype === "bool") {
    return using(backend, cast(backend, x, "int32"), (numbers) =>
      segmentSum(backend, numbers, segmentIds, numSegments),
    );
  }
  const rest = x.shape.slice(segmentIds.shape.length);
  const width = tf.util.sizeFromShape(rest);
  const out = backend.output([numSegments, ...rest], x.dtype);
  if (sizeOf(out) === 0) return out;
  backend.runtime.launch({
    program: indexingProgram,
    entry: `segmentSum_${elementOf(x.dtype)}`,
    grid: [numSegments, Math.min(65535, Math.ceil(width / 256))],
    block: BLOCK,
    args: [
      ...[x, segmentIds, out].map((tensor) => pointer(backend.address(tensor))),
      i64(sizeOf(segmentIds)),
      i64(width),
    ],
  });
  return out;
}

function oneHot(
  backend: CudaBackend,
  indices: tf.TensorInfo,
  { depth, onValue, offValue, dtype }: tf.OneHotAttrs,
): tf.TensorInfo {
  const out = backend.output([...indices.shape, depth], dtype);
  const count = sizeOf(out);
  if (count === 0) return out;
  backend.runtime.launch({
    program: indexingProgram,
    entry: `oneHot_${bytesOf(dtype)}`,
    grid: gridFor(backend.runtime, count),
    block: BLOCK,
    args: [
      pointer(backend.address(indices)),
      pointer(backend.address(out)),
      i64(count),
      i64(depth),
      u32(bitsOf(onValue, dtype)),
      u32(bitsOf(offValue, dtype)),
    ],
  });
  return out;
}

export function indexingKernels(backend: CudaBackend): tf.KernelConfig[] {
  return [
    kernel(tf.GatherV2, (inputs, attributes) => {
      const { x, indices } = inputs as Inputs<"x" | "indices">;
      const { axis, batchDims } = attributes as unknown as tf.GatherV2Attrs;
      const along = tf.util.parseAxisParam(axis, [...x.shape])[0] ?? 0;
      return gather(backend, x, indices, along, batchDims);
    }),
    kernel(tf.GatherNd, (inputs) => {
      const { params, indices } = inputs as Inputs<"params" | "indices">;
      return gatherNd(backend, params, indices);
    }),
    kernel(tf.UnsortedSegmentSum, (inputs, attributes) => {
      const { x, segmentIds } = inputs as Inputs<"x" | "segmentIds">;
      const { numSegments } = attributes as unknown as tf.UnsortedSegmentSumAttrs;
      return segmentSum(backend, x, segmentIds, numSegments);
    }),
    kernel(tf.OneHot, (inputs, attributes) => {
      const { indices } = inputs as Inputs<"indices">;
      return oneHot(backend, indices, attributes as unknown as tf.OneHotAttrs);
    }),
  ];
}
