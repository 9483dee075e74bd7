/**
 * The fused kernels on the WASM heap: `kernels.wasm` (AssemblyScript, see `assembly/`) instantiated on the memory
 * of TensorFlow.js' own module, so that both work on the same tensors without a copy.
 */
import * as tf from "@tensorflow/tfjs-core";
import { FUSED_KERNELS, selectionOf, type FusedKernel } from "../fused/dispatch.ts";
import { instantiateKernels } from "../kernelFile.ts";
import { frugalKernels } from "./frugal.ts";
import { addressOf, withScratch, type WasmBackend } from "./heap.ts";
import type { Kernels } from "./kernelExports.ts";

const HISTOGRAM_BYTES = 8192;

/** @returns undefined when `kernels.wasm` has not been built: the composed versions serve then. */
export async function loadKernels(backend: WasmBackend): Promise<tf.KernelConfig[] | undefined> {
  const kernels = await instantiateKernels<Kernels>(backend.wasm.asm.memory);
  if (kernels === undefined) return undefined;
  return [
    ...fusedKernels(backend, kernels),
    ...frugalKernels(backend, kernels),
    transposeKernel(backend, kernels),
    identityKernel(backend),
  ];
}

function fusedKernels(backend: WasmBackend, kernels: Kernels): tf.KernelConfig[] {
  const at = (tensor: tf.TensorInfo): number => addressOf(backend, tensor);
  const scalar = (value: number): tf.TensorInfo =>
    backend.makeOutput([], "float32", undefined, Float32Array.of(value));
  const like = (tensor: tf.TensorInfo): tf.TensorInfo =>
    backend.makeOutput(tensor.shape, "float32");

  return [
    kernel("entropy", (inputs, attributes) => {
      const { w, c } = inputs as { w: tf.TensorInfo; c: tf.TensorInfo };
      const { axis } = attributes as { axis: 0 | 1 };
      const [rows, cols] = w.shape as [number, number];
      const gradW = like(w);
      if (axis === 1) {
        const gradC = like(c);
        const loss = kernels.entropyRows(at(w), at(c), rows, cols, at(gradW), at(gradC));
        return [scalar(loss), gradW, gradC];
      }
      const loss = withScratch(backend, 8 * cols, (scratch) =>
        kernels.entropyColumns(at(w), at(c), rows, cols, at(gradW), scratch),
      );
      return [
        scalar(loss),
        gradW,
        backend.makeOutput(c.shape, "float32", undefined, new Float32Array(cols)),
      ];
    }),
    kernel("prunedMass", (inputs, attributes) => {
      const { w, c } = inputs as { w: tf.TensorInfo; c: tf.TensorInfo };
      const { count, group } = lowest(attributes);
      const { temperature } = attributes as { temperature: number };
      const [rows, cols] = w.shape as [number, number];
      const gradW = like(w);
      const gradC = like(c);
      const loss = withScratch(backend, 3 * paddedBytes(cols) + HISTOGRAM_BYTES, (scratch) =>
        kernels.prunedMass(
          at(w),
          at(c),
          rows,
          cols,
          count,
          group,
          temperature,
          at(gradW),
          at(gradC),
          scratch,
        ),
      );
      return [scalar(loss), gradW, gradC];
    }),
    kernel("selectLowest", (inputs, attributes) => {
      const { scores } = inputs as { scores: tf.TensorInfo };
      const { count, group } = lowest(attributes);
      const [rows, cols] = scores.shape as [number, number];
      const mask = backend.makeOutput(scores.shape, "bool");
      withScratch(backend, 8 * cols + HISTOGRAM_BYTES, (scratch) => {
        kernels.selectLowest(at(scores), rows, cols, count, group, at(mask), scratch);
      });
      return [mask];
    }),
    kernel("sparsegptBlock", (inputs, attributes) => {
      const { w, u, mask } = inputs as { w: tf.TensorInfo; u: tf.TensorInfo; mask?: tf.TensorInfo };
      const { count, group } = mask === undefined ? lowest(attributes) : { count: 0, group: 0 };
      const [rows, b] = w.shape as [number, number];
      const weights = like(w);
      const errors = like(w);
      backend.wasm.HEAPU8.copyWithin(at(weights), at(w), at(w) + 4 * rows * b);
      withScratch(backend, b, (chosen) => {
        const masked = mask === undefined ? 0 : at(mask);
        kernels.sparsegptBlock(
          at(weights),
          at(errors),
          at(u),
          masked,
          rows,
          b,
          count,
          group,
          chosen,
        );
      });
      return [weights, errors];
    }),
  ];
}

/** A clone shares the memory of its original, as on the other backends; TensorFlow.js copies it here. */
function identityKernel(backend: WasmBackend): tf.KernelConfig {
  return {
    ...tf.getKernel(tf.Identity, "wasm"),
    kernelFunc: ({ inputs }) => {
      const { x } = inputs as { x: tf.TensorInfo };
      backend.incRef(x.dataId);
      return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
    },
  };
}

/** TensorFlow.js transposes element by element; matrices, or batches of them, go ten times faster. */
function transposeKernel(backend: WasmBackend, kernels: Kernels): tf.KernelConfig {
  const original = tf.getKernel(tf.Transpose, "wasm");
  return {
    ...original,
    kernelFunc: (params) => {
      const { x } = params.inputs as { x: tf.TensorInfo };
      const { perm } = params.attrs as { perm: number[] };
      const axes = x.shape.map((_, axis) => axis);
      const swapped = [...axes.slice(0, -2), ...axes.slice(-2).reverse()];
      if (x.dtype !== "float32" || axes.length < 2 || !tf.util.arraysEqual(perm, swapped)) {
        return original.kernelFunc(params);
      }
      const [rows, cols] = x.shape.slice(-2) as [number, number];
      const batch = x.shape.slice(0, -2);
      const out = backend.makeOutput([...batch, cols, rows], "float32");
      const from = addressOf(backend, x);
      const count = tf.util.sizeFromShape(batch);
      kernels.transposeMatrices(from, addressOf(backend, out), count, rows, cols);
      return out;
    },
  };
}

/** A row of floats, padded to whole vectors. */
function paddedBytes(cols: number): number {
  return 16 * Math.ceil(cols / 4);
}

/** A {@link Selection} as the kernels take it. */
function lowest(attributes: tf.NamedAttrMap): { count: number; group: number } {
  const select = selectionOf(attributes);
  return select.kind === "count"
    ? { count: select.count, group: 0 }
    : { count: select.of - select.keep, group: select.of };
}

function kernel(
  name: FusedKernel,
  run: (inputs: tf.NamedTensorInfoMap, attributes: tf.NamedAttrMap) => tf.TensorInfo[],
): tf.KernelConfig {
  return {
    kernelName: FUSED_KERNELS[name],
    backendName: "wasm",
    kernelFunc: ({ inputs, attrs }) => run(inputs, attrs ?? {}),
  };
}
