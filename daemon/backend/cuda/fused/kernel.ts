/** What every kernel of this folder is made with. */
import * as tf from "@tensorflow/tfjs-core";
import { FUSED_KERNELS, type FusedKernel } from "../../fused/dispatch.ts";
import type { CudaRuntime } from "../runtime.ts";

type Run = (inputs: tf.NamedTensorInfoMap, attributes: tf.NamedAttrMap) => tf.TensorInfo[];

export function kernel(name: FusedKernel, run: Run): tf.KernelConfig {
  return {
    kernelName: FUSED_KERNELS[name],
    backendName: "cuda",
    kernelFunc: ({ inputs, attrs }) => run(inputs, attrs ?? {}),
  };
}

/** An input that its dispatch file always gives. */
export function input(inputs: tf.NamedTensorInfoMap, name: string): tf.TensorInfo {
  const found = inputs[name];
  if (found === undefined) throw new RangeError(`a fused kernel was run without ${name}`);
  return found;
}

/** The sizes of a tensor whose rank is known; 1 beyond it. */
export const sizes = ({ shape }: tf.TensorInfo): [number, number, number, number] => [
  shape[0] ?? 1,
  shape[1] ?? 1,
  shape[2] ?? 1,
  shape[3] ?? 1,
];

export const sizeOf = (tensor: tf.TensorInfo): number => tf.util.sizeFromShape(tensor.shape);

/** Device memory for the time of `use`; given back in stream order. */
export function withScratch<T>(
  runtime: CudaRuntime,
  floats: number,
  use: (address: number) => T,
): T {
  const memory = runtime.allocate(Math.max(4, 4 * floats));
  try {
    return use(memory.address);
  } finally {
    runtime.free(memory);
  }
}

/** Blocks of 256 threads that go over `count` elements, a few waves of them. */
export function blocksFor(runtime: CudaRuntime, count: number): number {
  return Math.max(1, Math.min(Math.ceil(count / 256), 16 * runtime.gpu.multiprocessors));
}
