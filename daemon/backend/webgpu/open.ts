/**
 * The `webgpu` device: TensorFlow.js' WebGPU backend on Dawn. Any GPU that has a Vulkan, Metal or Direct3D 12
 * driver. Reads are asynchronous only.
 */
import * as tf from "@tensorflow/tfjs-core";
import { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import { missing, type DeviceReport, type Opened, type Provider } from "../provider.ts";
import { registerAll } from "../registry.ts";
import { deviceFailed } from "../errors.ts";
import { acquireAdapter, type HeldAdapter } from "./dawn.ts";
import { fusedKernels } from "./kernels.ts";

export const webgpu: Provider = {
  device: "webgpu",

  async probe(): Promise<DeviceReport> {
    const held = await acquireAdapter();
    if ("why" in held) {
      return {
        device: "webgpu",
        available: false,
        automatic: false,
        detail: "any GPU, by Vulkan, Metal or Direct3D 12",
        ...missing(held),
      };
    }
    held.release();
    return {
      device: "webgpu",
      available: true,
      automatic: !held.software,
      detail: held.name,
      ...(held.software
        ? { missing: `only a software adapter, ${held.name}; slower than wasm` }
        : {}),
    };
  },

  async open(): Promise<Opened> {
    const held = await acquireAdapter();
    if ("why" in held) throw new Error(held.why);
    try {
      return await start(held);
    } catch (error) {
      held.release();
      throw error;
    }
  },
};

async function start(held: HeldAdapter): Promise<Opened> {
  const { limits, features, info } = held.adapter;
  const device = await held.adapter.requestDevice({
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
    description: `webgpu on ${held.name}${held.software ? ", emulated in software" : ""}`,
    maxTensorBytes: Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize),
    dispose() {
      undo();
      tf.removeBackend("webgpu");
      device.destroy();
      held.release();
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
      throw deviceFailed(failure ?? String(error), error);
    }
    throw deviceFailed(failure);
  };
}
