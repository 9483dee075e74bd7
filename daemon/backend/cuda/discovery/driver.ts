/** The driver and its GPUs, or why there is none, in words that say what to do. */
import type { Machine } from "../../machine.ts";
import type { Absence } from "../../provider.ts";
import { bindDriver, StatusError, type Driver, type Native } from "../ffi/index.ts";
import { gpuInfo } from "../gpuInfo.ts";
import type { GpuInfo } from "../runtime.ts";
import { driverCandidates, isWsl } from "./libraries.ts";

export interface FoundDriver {
  readonly driver: Driver;
  /** `12.4`: the newest toolkit this driver runs. */
  readonly version: string;
  readonly major: number;
  /** In the order of `cuda:0`, `cuda:1`, … */
  readonly gpus: readonly GpuInfo[];
}

const OLDEST_MAJOR = 12;

/** `CUresult` values that have a known remedy. */
const STUB_LIBRARY = 34;
const NO_DEVICE = 100;
const INVALID_DEVICE = 101;
const SYSTEM_NOT_READY = 802;
const DRIVER_MISMATCH = 803;
const COMPAT_NOT_SUPPORTED = 804;
const UNKNOWN = 999;

/** The first that starts: before the driver's own library another may lie that bears its name. */
export function findDriver(native: Native, machine: Machine): FoundDriver | Absence {
  const failures: string[] = [];
  let refusal: Absence | undefined;
  for (const path of driverCandidates(machine)) {
    let driver: Driver;
    try {
      driver = bindDriver(native, native.load(path));
    } catch (error) {
      failures.push(`${path}: ${firstLine(error)}`);
      continue;
    }
    const started = start(driver, machine.env);
    if (!("why" in started)) return started;
    refusal ??= started;
  }
  const how = isWsl(machine)
    ? "Install it in Windows, from nvidia.com; inside WSL none must be"
    : "Install it from nvidia.com or the system's packages";
  return (
    refusal ?? {
      why:
        `there is no NVIDIA driver here. ${how}; a container has to be started with the GPUs (\`--gpus all\`). ` +
        `Tried: ${failures.join("; ")}`,
    }
  );
}

function start(driver: Driver, env: NodeJS.ProcessEnv): FoundDriver | Absence {
  try {
    driver.initialise();
    const number = driver.version();
    const major = Math.floor(number / 1000);
    const version = `${major}.${Math.floor((number % 1000) / 10)}`;
    if (major < OLDEST_MAJOR) {
      return {
        why: `the NVIDIA driver is for CUDA ${version}; CUDA ${OLDEST_MAJOR} needs version 525 or newer. Update the driver`,
      };
    }
    const count = driver.deviceCount();
    if (count === 0) return noDevice(env);
    const gpus = Array.from({ length: count }, (_, i) => gpuInfo(driver, driver.device(i)));
    return { driver, version, major, gpus };
  } catch (error) {
    return explain(error, env);
  }
}

function explain(error: unknown, env: NodeJS.ProcessEnv): Absence {
  if (!(error instanceof StatusError)) throw error;
  switch (error.status) {
    case NO_DEVICE:
    case INVALID_DEVICE:
      return noDevice(env);
    case STUB_LIBRARY:
      return {
        why: "the libcuda found is the toolkit's stub, not the driver's. Take the folder `stubs` out of LD_LIBRARY_PATH",
      };
    case SYSTEM_NOT_READY:
      return {
        why: "the GPUs are not ready: NVIDIA's fabric manager does not run",
        remedy: "sudo systemctl start nvidia-fabricmanager",
      };
    case DRIVER_MISMATCH:
      return {
        why:
          "the NVIDIA driver was updated but its kernel module is still the old one. Restart the machine; in a " +
          "container, take the folder `compat` out of LD_LIBRARY_PATH",
      };
    case COMPAT_NOT_SUPPORTED:
      return {
        why:
          "the libcuda found is one of forward compatibility, which this GPU does not support. Take the folder " +
          "`compat` out of LD_LIBRARY_PATH, or update the driver",
      };
    case UNKNOWN:
      return {
        why: `the NVIDIA driver does not start (${error.message})`,
        remedy: "sudo modprobe nvidia_uvm",
      };
    default:
      return { why: `the NVIDIA driver does not start (${error.message})` };
  }
}

function noDevice({ CUDA_VISIBLE_DEVICES: visible }: NodeJS.ProcessEnv): Absence {
  return visible === undefined
    ? {
        why:
          "the NVIDIA driver finds no GPU. `nvidia-smi -L` lists those of the machine; where MIG is on, an instance " +
          "has to be made first, and a container has to be started with the GPUs",
      }
    : {
        why:
          `CUDA_VISIBLE_DEVICES="${visible}" hides every GPU from this process. ` +
          "Unset it, or name one that `nvidia-smi -L` lists (0, or a GPU's or MIG instance's UUID)",
      };
}

export const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/\n.*/s, "");
