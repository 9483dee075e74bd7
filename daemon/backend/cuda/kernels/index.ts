/** Doorway: the TensorFlow.js kernels of the `cuda` backend. */
import type * as tf from "@tensorflow/tfjs-core";
import type { CudaBackend } from "../runtime.ts";
import { creationKernels } from "./creation.ts";
import { elementwiseKernels } from "./elementwise.ts";
import { indexingKernels } from "./indexing.ts";
import { matMulKernels } from "./matmul.ts";
import { movementKernels } from "./movement.ts";
import { reductionKernels } from "./reduce.ts";
import { rowKernels } from "./rows.ts";

export { gridFor, kernel, sizeOf, withScratch } from "./kernel.ts";
export { transposeMatrices } from "./movement.ts";
export { PROGRAMS as tensorPrograms } from "./programs.ts";

/**
 * Every kernel that the engine, its gradients and the training of the sample use, and what is near to them, on
 * float32, int32 and bool. Nothing waits for the device, and no sum depends on the order in which threads run.
 */
export function tensorKernels(backend: CudaBackend): tf.KernelConfig[] {
  return [
    ...creationKernels(backend),
    ...elementwiseKernels(backend),
    ...matMulKernels(backend),
    ...movementKernels(backend),
    ...indexingKernels(backend),
    ...reductionKernels(backend),
    ...rowKernels(backend),
  ];
}
