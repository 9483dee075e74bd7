/**
 * Dawn, the WebGPU implementation that the `webgpu` package carries as a native module: one owner, one release.
 *
 * TensorFlow.js looks for WebGPU where a browser has it: `navigator.gpu`, there while a device is open, and the
 * `GPU…` classes as globals.
 */

import type * as Dawn from "webgpu";
import type { Absence } from "../provider.ts";
import { installCommand, VULKAN } from "../remedy.ts";

/** An adapter and the instance that must outlive it. */
export interface FoundAdapter {
  readonly adapter: GPUAdapter;
  /** `NVIDIA H100 (nvidia, hopper)` */
  readonly name: string;
  /** A CPU that plays a GPU: SwiftShader, lavapipe, WARP. */
  readonly software: boolean;
  /** Puts WebGPU where TensorFlow.js looks for it; the result takes it away again. */
  readonly install: () => () => void;
}

export async function findAdapter(): Promise<FoundAdapter | Absence> {
  const vulkan = installCommand(VULKAN);
  const driver = process.platform === "linux" && vulkan !== undefined ? { remedy: vulkan } : {};
  if (await lacksLoader()) return { why: "there is no Vulkan loader (libvulkan.so.1)", ...driver };
  let dawn: typeof Dawn;
  try {
    dawn = await import("webgpu");
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/\n.*/s, "") : String(error);
    return { why: `the webgpu package cannot be loaded: ${reason}`, remedy: "npm install webgpu" };
  }
  const gpu = dawn.create([]);
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter === null) {
    const why = "Dawn found no adapter: no Vulkan, Metal or Direct3D 12 driver answers";
    return { why, ...driver };
  }
  const { info } = adapter;
  const parts = [info.vendor, info.architecture].filter((part) => part !== "").join(", ");
  const model = info.description === "" ? info.device : info.description;
  return {
    adapter,
    name: parts === "" ? model : `${model} (${parts})`,
    software: info.isFallbackAdapter,
    install: () => installGlobals(gpu, dawn.globals),
  };
}

/**
 * Linux: is there a Vulkan loader? Dawn would complain on stderr, past every log of ours. Asked through koffi, as
 * the dynamic linker's own answer; without koffi Dawn finds out.
 */
async function lacksLoader(): Promise<boolean> {
  if (process.platform !== "linux") return false;
  const koffi = await import("koffi").catch(() => undefined);
  try {
    koffi?.load("libvulkan.so.1");
    return false;
  } catch {
    return true;
  }
}

function installGlobals(gpu: GPU, classes: object): () => void {
  Object.assign(globalThis, classes);
  const host = globalThis as { navigator?: { gpu?: GPU } };
  // Node has had a navigator since version 21, without WebGPU.
  const own = host.navigator === undefined;
  if (own) Object.defineProperty(host, "navigator", { value: {}, configurable: true });
  Object.defineProperty(host.navigator, "gpu", { value: gpu, configurable: true });
  return () => {
    if (own) delete host.navigator;
    else delete host.navigator?.gpu;
  };
}
