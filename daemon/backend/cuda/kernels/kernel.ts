/** What every kernel of this folder is made with. */
import * as tf from "@tensorflow/tfjs-core";
import type { CudaBackend, CudaRuntime, Extent } from "../runtime.ts";

/** A kernel's tensors by name, as TensorFlow.js hands them over. */
export type Inputs<Name extends string> = Readonly<Record<Name, tf.TensorInfo>>;

type Run = (
  inputs: tf.NamedTensorInfoMap,
  attributes: tf.NamedAttrMap,
) => tf.TensorInfo | tf.TensorInfo[];

export function kernel(kernelName: string, run: Run): tf.KernelConfig {
  return {
    kernelName,
    backendName: "cuda",
    kernelFunc: ({ inputs, attrs }) => run(inputs, attrs ?? {}),
  };
}

/** How an element lies on the device, by its name in our CUDA C. */
export type Element = "float" | "int" | "bool";

/** complex64 and string never reach the device: the backend refuses them as they are written. */
export function elementOf(dtype: string): Element {
  return dtype === "float32" ? "float" : dtype === "int32" ? "int" : "bool";
}

export const DTYPES = { float: "float32", int: "int32", bool: "bool" } as const;

export const bytesOf = (dtype: string): 1 | 4 => (dtype === "bool" ? 1 : 4);

export const sizeOf = (tensor: tf.TensorInfo): number => tf.util.sizeFromShape(tensor.shape);

/** Threads of a block where a kernel does not say otherwise. */
export const BLOCK: Extent = [256];

/** Blocks for a grid-stride loop over `count` elements: enough to fill the device several times over. */
export function gridFor(runtime: CudaRuntime, count: number): Extent {
  const blocks = Math.ceil(count / 256);
  return [Math.max(1, Math.min(blocks, 32 * runtime.gpu.multiprocessors))];
}

/** Runs `use` on a tensor that nobody else needs, and frees it. */
export function using<T>(
  backend: CudaBackend,
  tensor: tf.TensorInfo,
  use: (tensor: tf.TensorInfo) => T,
): T {
  try {
    return use(tensor);
  } finally {
    backend.release(tensor);
  }
}

/** Runs `use` with device memory that is given back in stream order. */
export function withScratch<T>(
  runtime: Pick<CudaRuntime, "allocate" | "free">,
  bytes: number,
  use: (address: number) => T,
): T {
  const memory = runtime.allocate(bytes);
  try {
    return use(memory.address);
  } finally {
    runtime.free(memory);
  }
}
