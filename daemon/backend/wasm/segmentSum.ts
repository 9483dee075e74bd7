/**
 * `UnsortedSegmentSum` for the wasm backend, which lacks it: the gradient of an embedding lookup.
 * out[id] = Σ x[i] over the rows i with segmentIds[i] = id; ids outside 0 … numSegments − 1 are dropped.
 */
import * as tf from "@tensorflow/tfjs-core";
import type { WasmBackend } from "./heap.ts";

export function segmentSumKernel(backend: WasmBackend): tf.KernelConfig {
  return {
    kernelName: tf.UnsortedSegmentSum,
    backendName: "wasm",
    kernelFunc: ({ inputs, attrs }) => {
      const { x, segmentIds } = inputs as { x: tf.TensorInfo; segmentIds: tf.TensorInfo };
      const { numSegments } = attrs as { numSegments: number };
      const rest = x.shape.slice(segmentIds.shape.length);
      const width = tf.util.sizeFromShape(rest);
      const out = backend.makeOutput([numSegments, ...rest], x.dtype);
      const sums = backend.typedArrayFromHeap(out).fill(0);
      const rows = backend.typedArrayFromHeap(x);
      backend.typedArrayFromHeap(segmentIds).forEach((id, i) => {
        if (id < 0 || id >= numSegments) return;
        const target = sums.subarray(id * width, (id + 1) * width);
        rows.subarray(i * width, (i + 1) * width).forEach((value, k) => {
          target[k] = (target[k] ?? 0) + value;
        });
      });
      return out;
    },
  };
}
