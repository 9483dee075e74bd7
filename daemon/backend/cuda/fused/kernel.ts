/** What every kernel of this folder is made with. */
import type * as tf from "@tensorflow/tfjs-core";
import { FUSED_KERNELS, type FusedKernel } from "../../fused/dispatch.ts";
import { gridFor, kernel as named, withScratch as withBytes } from "../kernels/index.ts";
import type { CudaRuntime } from "../runtime.ts";

export { sizeOf } from "../kernels/index.ts";

export function kernel(
  name: FusedKernel,
  run: (inputs: tf.NamedTensorInfoMap, attributes: tf.NamedAttrMap) => tf.TensorInfo[],
): tf.KernelConfig {
  return named(FUSED_KERNELS[name], run);
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

/** Device memory for the time of `use`; given back in stream order. */
export function withScratch<T>(
  runtime: CudaRuntime,
  floats: number,
  use: (address: number) => T,
): T {
  return withBytes(runtime, 4 * Math.max(1, floats), use);
}

/** Blocks of 256 threads for a grid-stride loop over `count` elements. */
export const blocksFor = (runtime: CudaRuntime, count: number): number =>
  gridFor(runtime, count)[0];
