/**
 * The `wasm` device: TensorFlow.js' SIMD build, its heap guarded, its products handed to a BLAS where one is
 * found, and the fused kernels beside it. Needs no GPU and nothing installed; the last resort and the reference.
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs-core";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { missing, type DeviceReport, type Provider } from "../provider.ts";
import { registerAll } from "../registry.ts";
import { findBlas } from "./blas.ts";
import {
  HEAP_LIMIT_BYTES,
  guardAllocations,
  offerReading,
  TENSOR_LIMIT_BYTES,
  type WasmBackend,
} from "./heap.ts";
import { loadKernels } from "./kernels.ts";
import { matmulKernels } from "./matmul.ts";
import { findPages } from "./pages.ts";
import { segmentSumKernel } from "./segmentSum.ts";
import { sliceKernels } from "./slice.ts";

const BINARY = "tfjs-backend-wasm-simd.wasm";

export const wasm: Provider = {
  device: "wasm",

  async probe(): Promise<DeviceReport> {
    const search = await findBlas();
    const version = tf.version_core;
    return {
      device: "wasm",
      available: true,
      automatic: true,
      detail: `TensorFlow.js ${version}, SIMD, ${search.blas?.description ?? "no BLAS"}`,
      ...(search.blas === undefined ? missing(search) : {}),
    };
  },

  async open({ blas: wanted = true }) {
    const factory = tf.findBackendFactory("wasm");
    setWasmPaths(binaryFolder());
    if (!(await tf.setBackend("wasm")))
      throw new Error("TensorFlow.js could not start its wasm backend");
    const backend = tf.backend() as unknown as WasmBackend;
    guardAllocations(backend, await findPages());
    offerReading(backend);

    const search = wanted ? await findBlas() : { blas: undefined, why: "not asked for" };
    const fused = await loadKernels(backend);
    const undo = registerAll([
      ...(search.blas === undefined ? [] : matmulKernels(backend, search.blas)),
      ...(fused ?? []),
      segmentSumKernel(backend),
      ...sliceKernels(backend),
    ]);
    const products =
      search.blas === undefined
        ? `wasm without BLAS (${search.why})`
        : `wasm with ${search.blas.description}`;
    return {
      description: products + (fused === undefined ? "; fused kernels not built" : ""),
      maxTensorBytes: TENSOR_LIMIT_BYTES,
      maxTotalBytes: HEAP_LIMIT_BYTES,
      dispose() {
        undo();
        tf.removeBackend("wasm");
        // Removing takes the factory along; the next open needs it again.
        tf.registerBackend("wasm", factory);
        return Promise.resolve();
      },
    };
  },
};

/** Beside the bundle when it was copied there, else in the npm package. */
function binaryFolder(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  if (existsSync(join(here, BINARY))) return `${here}/`;
  const packageFile = createRequire(import.meta.url).resolve(
    "@tensorflow/tfjs-backend-wasm/package.json",
  );
  return `${join(dirname(packageFile), "dist")}/`;
}
