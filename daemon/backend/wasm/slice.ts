/**
 * Slices and splits on the WASM heap. TensorFlow.js copies the whole tensor to the host for each, however small the
 * slice: of a large Hessian that is tens of megabytes for every block of columns.
 */
import * as tf from "@tensorflow/tfjs-core";
import { addressOf, type WasmBackend } from "./heap.ts";

export function sliceKernels(backend: WasmBackend): tf.KernelConfig[] {
  const sliceOriginal = tf.getKernel(tf.Slice, "wasm");
  const splitOriginal = tf.getKernel(tf.SplitV, "wasm");
  return [
    {
      ...sliceOriginal,
      kernelFunc: (params) => {
        const { x } = params.inputs as { x: tf.TensorInfo };
        if (x.dtype === "string") return sliceOriginal.kernelFunc(params);
        const { begin, size } = params.attrs as {
          begin: number | number[];
          size: number | number[];
        };
        const [from = [], shape = []] = tf.slice_util.parseSliceParams(x, begin, size);
        return slice(backend, x, from, shape);
      },
    },
    {
      ...splitOriginal,
      kernelFunc: (params) => {
        const { x } = params.inputs as { x: tf.TensorInfo };
        if (x.dtype === "string") return splitOriginal.kernelFunc(params);
        const { numOrSizeSplits, axis } = params.attrs as {
          numOrSizeSplits: number | number[];
          axis: number;
        };
        const [along = 0] = tf.util.parseAxisParam(axis, x.shape);
        const sizes = tf.backend_util.prepareSplitSize(x, numOrSizeSplits, along);
        let at = 0;
        return sizes.map((size) => {
          const from = x.shape.map((_, i) => (i === along ? at : 0));
          at += size;
          return slice(backend, x, from, x.shape.with(along, size));
        });
      },
    },
  ];
}

/** Elements `from … from + shape` of `x`, in runs as long as lie together in both. */
function slice(
  backend: WasmBackend,
  x: tf.TensorInfo,
  from: readonly number[],
  shape: number[],
): tf.TensorInfo {
  const out = backend.makeOutput(shape, x.dtype);
  const count = tf.util.sizeFromShape(shape);
  if (count === 0) return out;
  const size = tf.util.bytesPerElement(x.dtype);
  // Dimensions behind this one are taken whole: of each index before it there is one run.
  const last = shape.findLastIndex((n, i) => n !== x.shape[i]);
  const outer = Math.max(0, last);
  const run = size * tf.util.sizeFromShape(shape.slice(outer));
  const strides = [...tf.util.computeStrides(x.shape), 1].map((stride) => stride * size);
  const start = from.reduce((sum, at, i) => sum + at * (strides[i] ?? 0), addressOf(backend, x));

  const { HEAPU8 } = backend.wasm;
  let target = addressOf(backend, out);
  const copy = (dimension: number, source: number): void => {
    if (dimension === outer) {
      HEAPU8.copyWithin(target, source, source + run);
      target += run;
      return;
    }
    const stride = strides[dimension] ?? 0;
    for (let i = 0; i < (shape[dimension] ?? 0); i++) copy(dimension + 1, source + i * stride);
  };
  copy(0, start);
  return out;
}
