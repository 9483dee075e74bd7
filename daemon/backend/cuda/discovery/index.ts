/**
 * Doorway of the search for CUDA: the driver, its GPUs, cuBLAS and NVRTC.
 *
 * `DENOISE_ROTATOR_CUDA` names the folder to search first, or `off`.
 */
import { THIS_MACHINE, type Machine } from "../../machine.ts";
import type { Absence } from "../../provider.ts";
import { loadNative, type Compiler, type Cublas, type Driver, type Native } from "../ffi/index.ts";
import { architectureOf } from "../gpuInfo.ts";
import type { GpuInfo } from "../runtime.ts";
import { isTooOld } from "./chosen.ts";
import { describeGpu } from "./describe.ts";
import { findDriver, type FoundDriver } from "./driver.ts";
import { isSupported, toolkitCandidates, type Toolkit } from "./libraries.ts";
import { installLibraries } from "./remedy.ts";
import { findCompiler, findCublas } from "./toolkit.ts";

export { chosenGpus } from "./chosen.ts";
export { describeGpu } from "./describe.ts";

export interface Cuda {
  readonly native: Native;
  readonly driver: Driver;
  readonly gpus: readonly GpuInfo[];
  readonly compiler: Compiler;
  readonly cublas: Cublas;
  /** `NVIDIA H100 (sm_90, 79.1 GiB); driver for CUDA 12.4 (…); cuBLAS 12.4.5 (…); NVRTC 12.4 (…)` */
  readonly detail: string;
}

/** What is there, as far as it goes, and what is missing. */
export type Incomplete = Absence & { readonly detail: string };

export async function findCuda(
  machine: Machine = THIS_MACHINE,
  load: () => Promise<Native | Absence> = loadNative,
): Promise<Cuda | Incomplete> {
  if (machine.env.DENOISE_ROTATOR_CUDA === "off") {
    return { detail: "", why: "CUDA is switched off by DENOISE_ROTATOR_CUDA" };
  }
  if (!isSupported(machine)) {
    return { detail: "", why: `NVIDIA has no CUDA for ${machine.platform}` };
  }
  const native = await load();
  if ("why" in native) return { detail: "", ...native };
  const found = findDriver(native, machine);
  if ("why" in found) return { detail: "", ...found };
  const detail = [describeGpus(found.gpus, machine.env), describeDriver(found)];
  if (found.gpus.every(isTooOld)) {
    const why = "the GPU is older than Ampere; webgpu reaches it through Vulkan";
    return { detail: detail.join("; "), why };
  }

  const candidates = (library: Toolkit) => toolkitCandidates(machine, library);
  const cublas = findCublas(native, candidates("cublas"), found.major);
  const compiler = findCompiler(native, candidates("nvrtc"), found.major);
  if (typeof cublas !== "string") detail.push(`cuBLAS ${cublas.version} (${cublas.path})`);
  if (typeof compiler !== "string") detail.push(describeCompiler(compiler, found.gpus));
  if (typeof cublas === "string" || typeof compiler === "string") {
    const missing: Toolkit[] = [
      ...(typeof cublas === "string" ? ["cublas" as const] : []),
      ...(typeof compiler === "string" ? ["nvrtc" as const] : []),
    ];
    const why = [cublas, compiler].filter((library) => typeof library === "string");
    return {
      detail: detail.join("; "),
      why: why.join("; "),
      remedy: installLibraries(machine, missing),
    };
  }
  return { native, ...found, cublas, compiler, detail: detail.join("; ") };
}

function describeGpus(gpus: readonly GpuInfo[], env: NodeJS.ProcessEnv): string {
  const visible = env.CUDA_VISIBLE_DEVICES;
  const all = gpus.map((gpu, i) =>
    gpus.length === 1 ? describeGpu(gpu) : `cuda:${i} ${describeGpu(gpu)}`,
  );
  if (visible !== undefined) all.push(`all that CUDA_VISIBLE_DEVICES="${visible}" shows`);
  return all.join(", ");
}

/** The driver translates for a GPU that is younger than the compiler. */
function describeCompiler(compiler: Compiler, gpus: readonly GpuInfo[]): string {
  const younger = gpus.map(architectureOf).filter((name) => !compiler.knows(name));
  const how = younger.length === 0 ? "" : `, PTX for ${[...new Set(younger)].join(" and ")}`;
  return `NVRTC ${compiler.version} (${compiler.path})${how}`;
}

const describeDriver = ({ version, driver }: FoundDriver): string =>
  `driver for CUDA ${version} (${driver.path})`;
