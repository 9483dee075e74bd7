/**
 * The `cuda` device: a TensorFlow.js backend of our own on NVIDIA's driver, cuBLAS and NVRTC, reached through koffi.
 * Nothing is compiled at install; kernels are compiled for the GPU at hand when first used, and kept.
 */
import * as tf from "@tensorflow/tfjs-core";
import { unknownPrecision } from "../errors.ts";
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
import { chosenGpus, describeGpu, findCuda, type Cuda } from "./discovery/index.ts";
import { everyStep } from "./everyStep.ts";
import { CurrentContext } from "./ffi/index.ts";
import { fusedKernels } from "./fused/index.ts";
import { tensorKernels } from "./kernels/index.ts";
import { ELEMENT_LIMIT, type Precision } from "./runtime.ts";

/** `f32`: every product in full float32, without tensor cores. */
const PRECISION_VARIABLE = "DENOISE_ROTATOR_CUDA_PRECISION";

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

  async open({ ordinals, precision = askedPrecision() }: OpenOptions): Promise<Opened> {
    const found = await findCuda();
    if ("why" in found) throw new Error(found.why);
    const chosen = chosenGpus(found.gpus, ordinals);
    const backend = new CudaTensorBackend(openGpus(found, chosen, precision));
    const { dispose, maxTotalBytes } = await installed(backend);
    const smallest = Math.min(...chosen.map(({ gpu }) => gpu.totalBytes));
    return {
      description:
        `cuda on ${chosen.map(({ gpu }) => describeGpu(gpu)).join(" and ")}, ` +
        `cuBLAS ${found.cublas.version}, NVRTC ${found.compiler.version}, ` +
        `products in ${precision.toUpperCase()}`,
      maxTensorBytes: Math.min(ELEMENT_LIMIT * Float32Array.BYTES_PER_ELEMENT, smallest),
      maxTotalBytes,
      dispose() {
        dispose();
        return Promise.resolve();
      },
    };
  },
};

/** @throws backend/unknown-precision */
function askedPrecision(): Precision {
  const asked = process.env[PRECISION_VARIABLE] ?? "";
  if (asked === "") return "tf32";
  if (asked !== "tf32" && asked !== "f32") throw unknownPrecision(PRECISION_VARIABLE, asked);
  return asked;
}

/** Makes it TensorFlow.js' own, with its kernels; where that fails nothing of it is left. */
async function installed(
  backend: CudaTensorBackend,
): Promise<{ readonly maxTotalBytes: number; readonly dispose: () => void }> {
  const undo: (() => void)[] = [];
  const dispose = (): void => {
    const giveBack = (): void => {
      backend.dispose();
    };
    everyStep([giveBack, ...undo.splice(0).reverse()]);
  };
  try {
    if (!tf.registerBackend("cuda", () => backend)) {
      throw new Error("another cuda device is open in this process");
    }
    undo.push(() => {
      tf.removeBackend("cuda");
    });
    if (!(await tf.setBackend("cuda"))) {
      throw new Error("TensorFlow.js could not start its cuda backend");
    }
    const kernels = [...tensorKernels(backend), ...fusedKernels(backend)];
    undo.push(registerAll(kernels.map((kernel) => backend.allOrNothing(kernel))));
    return { maxTotalBytes: backend.freeBytes(), dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** All or none: where one does not start, those before it are given back. */
function openGpus(
  cuda: Cuda,
  chosen: readonly { readonly ordinal: number }[],
  precision: Precision,
): [CudaDevice, ...CudaDevice[]] {
  const libraries = {
    ...cuda,
    contexts: new CurrentContext(cuda.driver),
    cache: cubinCache(cubinFolder()),
  };
  const checkLaunches = process.env.DENOISE_ROTATOR_CUDA_CHECK === "1";
  const opened: CudaDevice[] = [];
  try {
    for (const { ordinal } of chosen) {
      opened.push(CudaDevice.open(libraries, { ordinal, precision, checkLaunches }));
    }
    for (const one of opened) {
      for (const other of opened) if (other !== one) one.connect(other);
    }
  } catch (error) {
    for (const device of opened) device.dispose();
    throw error;
  }
  const [first, ...others] = opened;
  if (first === undefined) throw new RangeError("no GPU was chosen");
  return [first, ...others];
}
