/**
 * The `webgpu` device: TensorFlow.js' WebGPU backend on Dawn. Any GPU that has a Vulkan, Metal or Direct3D 12
 * driver. Reads are asynchronous only.
 */
import * as tf from "@tensorflow/tfjs-core";
import { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import { missing, type DeviceReport, type Opened, type Provider } from "../provider.ts";
import { registerAll } from "../registry.ts";
import { deviceFailed } from "../errors.ts";
import { findAdapter, type FoundAdapter } from "./dawn.ts";
import { fusedKernels } from "./kernels.ts";

export const webgpu: Provider = {
  device: "webgpu",

  async probe(): Promise<DeviceReport> {
    const found = await findAdapter();
    if ("why" in found) {
      return {
        device: "webgpu",
        available: false,
        automatic: false,
        detail: "any GPU, by Vulkan, Metal or Direct3D 12",
        ...missing(found),
      };
    }
    return {
      device: "webgpu",
      available: true,
      automatic: !found.software,
      detail: found.name,
      ...(found.software
        ? { missing: `only a software adapter, ${found.name}; slower than wasm` }
        : {}),
    };
  },

  async open(): Promise<Opened> {
    const found = await findAdapter();
    if ("why" in found) throw new Error(found.why);
    const uninstall = found.install();
    try {
      return await start(found, uninstall);
    } catch (error) {
      uninstall();
      throw error;
    }
  },
};

async function start(found: FoundAdapter, uninstall: () => void): Promise<Opened> {
  const { limits, features, info } = found.adapter;
  const device = await found.adapter.requestDevice({
    // The defaults are what the weakest phone has: 128 MiB a binding holds no 4096 × 11008 matrix.
    requiredLimits: {
      maxBufferSize: limits.maxBufferSize,
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
      maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
      maxComputeWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
    },
    // For tf.time() and tf.profile().
    requiredFeatures: features.has("timestamp-query") ? ["timestamp-query"] : [],
  });
  const backend = new WebGPUBackend(device, info);
  reportFailures(device, backend);
  tf.registerBackend("webgpu", () => backend);
  if (!(await tf.setBackend("webgpu")))
    throw new Error("TensorFlow.js could not start its webgpu backend");
  const undo = registerAll(fusedKernels(backend));
  return {
    description: `webgpu on ${found.name}${found.software ? ", emulated in software" : ""}`,
    maxTotalBytes: Infinity,
    maxTensorBytes: Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize),
    dispose() {
      undo();
      tf.removeBackend("webgpu");
      device.destroy();
      uninstall();
      return Promise.resolve();
    },
  };
}

/**
 * A GPU reports its errors later and elsewhere; a tensor whose buffer was refused reads as zeros. So the first
 * error is kept, and every read after it throws.
 */
function reportFailures(device: GPUDevice, backend: WebGPUBackend): void {
  let failure: string | undefined;
  device.addEventListener("uncapturederror", (event) => {
    // Otherwise Dawn prints it, past every log of ours.
    event.preventDefault();
    failure ??= event.error.message;
  });
  void device.lost.then((lost) => {
    if (lost.reason !== "destroyed") failure ??= `the device was lost: ${lost.message}`;
  });
  const read = backend.read.bind(backend);
  backend.read = async (dataId) => {
    try {
      const values = await read(dataId);
      if (failure === undefined) return values;
    } catch (error) {
      throw deviceFailed("webgpu", failure ?? String(error), error);
    }
    throw deviceFailed("webgpu", failure);
  };
}
