/** The fused kernels as TensorFlow.js kernels of the webgpu backend. */
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import * as tf from "@tensorflow/tfjs-core";
import {
  FUSED_KERNELS,
  type FusedKernel,
  type ObjectiveValue,
  selectionOf,
} from "../fused/dispatch.ts";
import { entropyColumns, entropyRows, prunedMass } from "./objectives.ts";
import { lowestMask } from "./select.ts";
import { sparsegptBlock } from "./sparsegpt.ts";

export function fusedKernels(backend: WebGPUBackend): tf.KernelConfig[] {
  return [
    kernel("entropy", ({ w, c }, attributes) => {
      const { axis } = attributes as { axis: 0 | 1 };
      const objective = axis === 1 ? entropyRows : entropyColumns;
      return outputs(objective(backend, w as tf.Tensor2D, c as tf.Tensor1D));
    }),
    kernel("prunedMass", ({ w, c }, attributes) => {
      const { temperature } = attributes as { temperature: number };
      const select = selectionOf(attributes);
      return outputs(prunedMass(backend, w as tf.Tensor2D, c as tf.Tensor1D, select, temperature));
    }),
    kernel("selectLowest", ({ scores }, attributes) => [
      lowestMask(backend, scores as tf.Tensor2D, selectionOf(attributes)),
    ]),
    kernel("sparsegptBlock", ({ w, u, mask }, attributes) => {
      const select =
        mask === undefined
          ? selectionOf(attributes)
          : { kind: "mask" as const, mask: mask as tf.Tensor2D };
      if (select.kind === "count") throw new Error("A block is pruned by N:M or by a mask.");
      const block = sparsegptBlock(backend, w as tf.Tensor2D, u as tf.Tensor2D, select);
      return [block.weights, block.errors];
    }),
  ];
}

function outputs({ loss, gradW, gradC }: ObjectiveValue): tf.Tensor[] {
  return [loss, gradW, gradC];
}

/** The engine hands a kernel its tensors themselves and accepts tensors back, so kernels may use operations. */
function kernel(
  name: FusedKernel,
  run: (inputs: Record<string, tf.Tensor | undefined>, attributes: tf.NamedAttrMap) => tf.Tensor[],
): tf.KernelConfig {
  return {
    kernelName: FUSED_KERNELS[name],
    backendName: "webgpu",
    kernelFunc: ({ inputs, attrs }) =>
      tf.tidy(() => run(inputs as Record<string, tf.Tensor | undefined>, attrs ?? {})),
  };
}
