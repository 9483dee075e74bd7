/**
 * The `cuda` device: a TensorFlow.js backend of our own on NVIDIA's driver, cuBLAS and NVRTC, reached through koffi.
 * Nothing is compiled at install; kernels are compiled for the GPU at hand when first used, and kept.
 */
import * as tf from "@tensorflow/tfjs-core";
import { noSuchGpu } from "../errors.ts";
import {
  missing,
  type DeviceReport,
  type Opened,
  type OpenOptions,
  type Provider,
} from "../provider.ts";
import { registerAll } from "../registry.ts";
import { CudaTensorBackend } from "./backend.ts";
import { cubinCache, cubinFolder } from "./cubinCache.ts";
import { CudaDevice } from "./device.ts";
import { describeGpu, findCuda } from "./discovery/index.ts";
import { fusedKernels } from "./fused/index.ts";
import { tensorKernels } from "./kernels/index.ts";
import { ELEMENT_LIMIT } from "./runtime.ts";

export const cuda: Provider = {
  device: "cuda",

  async probe(): Promise<DeviceReport> {
    const found = await findCuda();
    if (!("why" in found)) {
      return { device: "cuda", available: true, automatic: true, detail: found.detail };
    }
    return {
      device: "cuda",
      available: false,
      automatic: false,
      detail: found.detail === "" ? "NVIDIA GPUs from Ampere on, with CUDA 12 or 13" : found.detail,
      ...missing(found),
    };
  },

  async open({ ordinal = 0, precision = "tf32" }: OpenOptions): Promise<Opened> {
    const found = await findCuda();
    if ("why" in found) throw new Error(found.why);
    const gpu = found.gpus[ordinal];
    if (gpu === undefined) throw noSuchGpu(ordinal, found.gpus.map(describeGpu));
    const device = CudaDevice.open(
      { ...found, cache: cubinCache(cubinFolder()) },
      { ordinal, precision, checkLaunches: process.env.DENOISE_ROTATOR_CUDA_CHECK === "1" },
    );
    const backend = new CudaTensorBackend(device);
    tf.registerBackend("cuda", () => backend);
    if (!(await tf.setBackend("cuda"))) {
      throw new Error("TensorFlow.js could not start its cuda backend");
    }
    const undo = registerAll([...tensorKernels(backend), ...fusedKernels(backend)]);
    return {
      description:
        `cuda on ${describeGpu(gpu)}, cuBLAS ${found.cublas.version}, NVRTC ${found.compiler.version}, ` +
        `products in ${device.precision.toUpperCase()}`,
      maxTensorBytes: Math.min(ELEMENT_LIMIT * Float32Array.BYTES_PER_ELEMENT, gpu.totalBytes),
      // What other programs on the GPU leave.
      maxTotalBytes: device.freeBytes(),
      dispose() {
        undo();
        // Disposes the backend, and that the device.
        tf.removeBackend("cuda");
        return Promise.resolve();
      },
    };
  },
};
