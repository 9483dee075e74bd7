/** Failures of the backends' room. */
import { coded, type DenoiseError } from "../errors.ts";
import { action, firstAction, option, text } from "../wording.ts";

const usage = coded("backend", "usage");
const failed = coded("backend", "failed");

const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(2)} GiB`;

/** `--device` names a device that this machine or this build does not have. */
export function unavailable(
  device: string,
  why: string,
  remedy: string | undefined,
  available: readonly string[],
): DenoiseError {
  return usage(
    "unavailable",
    text`Device "${device}" cannot be used: ${why}.${remedy === undefined ? "" : ` To get it: ${remedy}.`}
      Available here: ${available.join(", ")}. Use ${option("device", "auto")} to take the best of them.`,
  );
}

/** No device at all could be started; `attempts` says why for each. */
export function noDevice(attempts: readonly string[]): DenoiseError {
  return failed("no-device", `No compute device could be started. ${attempts.join("; ")}.`);
}

/** A device that was there when asked failed to start. */
export function startFailed(device: string, cause: unknown): DenoiseError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return failed(
    "start-failed",
    text`Device "${device}" failed to start: ${why}. Try another ${option("device")}; ${action("showDevices")} says
      which there are.`,
    cause,
  );
}

/** One tensor is larger than the device can hold at all. */
export function tensorTooLarge(
  device: "cuda" | "wasm",
  bytes: number,
  limit: number,
): DenoiseError {
  return failed(
    "tensor-too-large",
    text`${device}: a tensor of ${gib(bytes)} is larger than the ${gib(limit)} that one can have.
      Use fewer or shorter calibration windows, or another ${option("device")} with more memory.`,
  );
}

/** The WASM heap is full. TensorFlow.js would go on writing at address 0. */
export function outOfMemory(bytes: number, limit: number): DenoiseError {
  return failed(
    "out-of-memory",
    text`wasm: no room for a tensor of ${gib(bytes)}; all tensors together share ${gib(limit)}.
      Use fewer or shorter calibration windows, or another ${option("device")} with more memory.`,
  );
}

/** The GPU reported an error, or went away (driver reset, out of memory, unplugged). */
export function deviceFailed(
  device: "cuda" | "webgpu",
  why: string,
  cause?: unknown,
): DenoiseError {
  return failed(
    "device-failed",
    text`${device}: ${why}. ${firstAction("resume")}; if it fails again, start anew with fewer or shorter windows, or
      with ${option("device", "wasm")}.`,
    cause,
  );
}

/** The GPU's memory is full, also after everything freed was given back. */
export function gpuOutOfMemory(
  gpu: string,
  sizes: {
    readonly bytes: number;
    readonly inUse: number;
    readonly free: number;
    readonly total: number;
  },
): DenoiseError {
  return failed(
    "gpu-out-of-memory",
    text`cuda: no room on ${gpu} for ${gib(sizes.bytes)} more: this process uses ${gib(sizes.inUse)} of
      ${gib(sizes.total)}, ${gib(sizes.free)} are free. Stop other programs on the GPU (\`nvidia-smi\` lists them) and
      ${action("resume")}, or start anew with fewer or shorter calibration windows, ${option("device", "cuda:1")} or
      ${option("device", "wasm")}.`,
  );
}

/** The machine locks no more of its memory for the GPU's copies (`ulimit -l`, or it is full). */
export function hostMemoryFull(bytes: number): DenoiseError {
  return failed(
    "host-memory",
    text`cuda: the machine gives no ${gib(bytes)} of page-locked memory for copies to and from the GPU. Close other
      programs, or allow more (\`ulimit -l unlimited\`; a container's \`--ulimit memlock=-1\`), and ${action("resume")}.`,
  );
}

/** NVRTC refuses a kernel: a mistake of ours, or a compiler that understands less than was tested. */
export function gpuCompileFailed(
  program: string,
  architecture: string,
  compiler: string,
  log: string,
): DenoiseError {
  return failed(
    "gpu-compile-failed",
    text`cuda: NVRTC ${compiler} cannot compile ${program} for ${architecture}. Install another NVRTC
      (${action("showDevices")} says which one is used), or use ${option("device", "webgpu")}. Its words:${`\n${log}`}`,
  );
}

/** The driver is older than the compiler, or has nothing that translates PTX. */
export function gpuCodeRefused(architecture: string, compiler: string, cause: Error): DenoiseError {
  return failed(
    "gpu-code-refused",
    text`cuda: the NVIDIA driver does not take what NVRTC ${compiler} made for ${architecture} (${cause.message}).
      Update the driver, or install an NVRTC that is not newer than it and knows this GPU (${action("showDevices")} says
      which are here), or use ${option("device", "webgpu")}.`,
    cause,
  );
}

/** The driver gives no context: another process has the GPU to itself (compute mode), or has filled its memory. */
export function gpuTaken(gpu: string, cause: Error): DenoiseError {
  return failed(
    "gpu-taken",
    text`cuda: ${gpu} has no place for another process (${cause.message}). \`nvidia-smi\` lists those that are on it;
      stop them or wait for them. \`nvidia-smi -q -d COMPUTE\` says whether only one is allowed
      (\`sudo nvidia-smi -c DEFAULT\` allows more). Or take another ${option("device")}: ${action("showDevices")} says
      which there are.`,
    cause,
  );
}

/**
 * `--device cuda:3` on a machine with fewer GPUs.
 *
 * @param visible `CUDA_VISIBLE_DEVICES`, where that is set
 */
export function noSuchGpu(
  ordinal: number,
  gpus: readonly string[],
  visible: string | undefined,
): DenoiseError {
  const there = gpus.map((gpu, i) => `cuda:${i} ${gpu}`).join(", ");
  const hidden =
    visible === undefined
      ? ""
      : ` CUDA_VISIBLE_DEVICES="${visible}" hides the others; what it names counts from 0.`;
  return usage(
    "no-such-gpu",
    `There is no GPU cuda:${ordinal} here. There are: ${there}.${hidden}`,
  );
}

/** A GPU without TF32 and bfloat16, beside one that has them. */
export function gpuTooOld(ordinal: number, gpus: readonly string[]): DenoiseError {
  const there = gpus.map((gpu, i) => `cuda:${i} ${gpu}`).join(", ");
  return usage(
    "gpu-too-old",
    text`The GPU cuda:${ordinal} is older than Ampere (sm_80). Take another of these: ${there}; or
      ${option("device", "webgpu")}.`,
  );
}

/** An environment variable names a precision that there is not. */
export function unknownPrecision(variable: string, asked: string): DenoiseError {
  return usage(
    "unknown-precision",
    `${variable}="${asked}" is no precision: unset it or set it to tf32 (the default), or to f32 for full float32.`,
  );
}

/** Not every kind of TensorFlow.js tensor lies on a GPU. */
export function unsupportedType(device: string, dtype: string): DenoiseError {
  return failed(
    "unsupported-type",
    text`${device}: tensors of ${dtype} are not supported. Please report how you came here;
      ${option("device", "wasm")} has them.`,
  );
}
