/**
 * The `tensorflow` device: `@tensorflow/tfjs-node-gpu` (CUDA 11.2 and cuDNN 8.1), else `@tensorflow/tfjs-node`,
 * if the person installed one of them. Neither is a dependency: they download hundreds of megabytes.
 */
import { constants } from "node:buffer";
import * as tf from "@tensorflow/tfjs-core";
import type { DeviceReport, Opened, Provider } from "./provider.ts";

const PACKAGES = ["@tensorflow/tfjs-node-gpu", "@tensorflow/tfjs-node"] as const;

export type ModuleLoader = (name: string) => Promise<unknown>;

type Loaded = { readonly name: string } | { readonly name: undefined; readonly why: string };

/** @param load imports a package; it registers its backend "tensorflow" as it loads */
export function tensorflowProvider(load: ModuleLoader = (name) => import(name)): Provider {
  return {
    device: "tensorflow",

    async probe(): Promise<DeviceReport> {
      // Loading one makes it the global backend, which is not for a look to decide.
      const before = tf.getBackend() as string | undefined;
      const loaded = await firstThatLoads(load);
      if (before !== undefined && tf.getBackend() !== before) await tf.setBackend(before);
      if (loaded.name !== undefined) {
        return { device: "tensorflow", available: true, automatic: true, detail: loaded.name };
      }
      return {
        device: "tensorflow",
        available: false,
        automatic: false,
        detail: "optional, for NVIDIA GPUs with CUDA 11.2 and cuDNN 8.1",
        missing: loaded.why,
        remedy: `npm install --no-save ${PACKAGES[0]}@4.22.0`,
      };
    },

    async open(): Promise<Opened> {
      const loaded = await firstThatLoads(load);
      if (loaded.name === undefined) throw new Error(loaded.why);
      if (!(await tf.setBackend("tensorflow"))) {
        throw new Error(`${loaded.name} was loaded but its backend did not start`);
      }
      const { isUsingGpuDevice } = tf.backend() as { isUsingGpuDevice?: boolean };
      return {
        description: `${loaded.name} on ${isUsingGpuDevice === true ? "GPU" : "CPU"}`,
        // A tensor crosses to and from JavaScript as one typed array.
        maxTensorBytes: constants.MAX_LENGTH,
        maxTotalBytes: Infinity,
        // libtensorflow cannot be started twice in a process: it stays until the end.
        dispose: () => Promise.resolve(),
      };
    },
  };
}

async function firstThatLoads(load: ModuleLoader): Promise<Loaded> {
  const reasons: string[] = [];
  for (const name of PACKAGES) {
    try {
      await load(name);
      return { name };
    } catch (error) {
      reasons.push(`${name}: ${reason(error)}`);
    }
  }
  return { name: undefined, why: reasons.join("; ") };
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  const absent = code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
  return absent ? "not installed" : error.message.replace(/\n.*/s, "");
}
