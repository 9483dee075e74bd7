/**
 * Kernels for which no copy is made: their composed versions would be as good, but need a large matrix, or the hidden
 * state of a whole batch, once more than is there.
 */
import * as tf from "@tensorflow/tfjs-core";
import { FUSED_KERNELS } from "../fused/dispatch.ts";
import type { HalfFormat } from "../fused/half.ts";
import { addressOf, owned, type WasmBackend } from "./heap.ts";
import type { Kernels } from "./kernelExports.ts";

export function frugalKernels(backend: WasmBackend, kernels: Kernels): tf.KernelConfig[] {
  const at = (tensor: tf.TensorInfo): number => addressOf(backend, tensor);
  const config = (
    kernelName: string,
    kernelFunc: (inputs: tf.NamedTensorInfoMap, attributes: tf.NamedAttrMap) => tf.TensorInfo[],
  ): tf.KernelConfig => ({
    kernelName,
    backendName: "wasm",
    kernelFunc: ({ inputs, attrs }) => kernelFunc(inputs, attrs ?? {}),
  });
  const sigmoid = tf.getKernel(tf.Sigmoid, "wasm").kernelFunc;

  return [
    config(FUSED_KERNELS.swiglu, (inputs) => {
      const { gate, up } = inputs as { gate: tf.TensorInfo; up: tf.TensorInfo };
      const out = owned(backend, gate);
      const count = tf.util.sizeFromShape(gate.shape);
      for (let from = 0; from < count; from += PIECE) {
        const size = Math.min(PIECE, count - from);
        const piece = backend.makeOutput([size], "float32");
        const [start, at0] = [addressOf(backend, out) + 4 * from, addressOf(backend, piece)];
        backend.wasm.HEAPU8.copyWithin(at0, start, start + 4 * size);
        const gates = sigmoid({ inputs: { x: piece }, backend, attrs: {} }) as tf.TensorInfo;
        kernels.multiplyInto(start, at(gates), size);
        kernels.multiplyInto(start, at(up) + 4 * from, size);
        backend.disposeData(piece.dataId);
        backend.disposeData(gates.dataId);
      }
      return [out];
    }),
    config(FUSED_KERNELS.decodeHalf, (inputs, attributes) => {
      const { words } = inputs as { words: tf.TensorInfo };
      const { format, shape } = attributes as unknown as { format: HalfFormat; shape: number[] };
      const out = backend.makeOutput(shape, "float32");
      kernels[`decode${format}`](at(words), at(out), tf.util.sizeFromShape(shape));
      return [out];
    }),
    config(FUSED_KERNELS.roundHalf, (inputs, attributes) => {
      const { x } = inputs as { x: tf.TensorInfo };
      const { format } = attributes as unknown as { format: HalfFormat };
      const count = tf.util.sizeFromShape(x.shape);
      const words = backend.makeOutput([Math.ceil(count / 2)], "int32");
      const values = owned(backend, x);
      kernels[`round${format}`](at(values), at(words), count);
      return [values, words];
    }),
  ];
}

/** Floats whose sigmoids are taken at a time. */
const PIECE = 1 << 18;
