/** Failures of the backends' room. */
import { coded, type DenoiseError } from "../errors.ts";

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
    `Device "${device}" cannot be used: ${why}. ` +
      (remedy === undefined ? "" : `To get it: ${remedy}. `) +
      `Available here: ${available.join(", ")}. Use --device auto to take the best of them.`,
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
    `Device "${device}" failed to start: ${why}. Try another with --device, or \`denoise-rotator devices\`.`,
    cause,
  );
}

/** One tensor is larger than the device can hold at all. */
export function tensorTooLarge(bytes: number, limit: number): DenoiseError {
  return failed(
    "tensor-too-large",
    `wasm: a tensor of ${gib(bytes)} is larger than the ${gib(limit)} that one can have. ` +
      `Use fewer or shorter calibration windows, or a device with more memory (--device).`,
  );
}

/** The WASM heap is full. TensorFlow.js would go on writing at address 0. */
export function outOfMemory(bytes: number, limit: number): DenoiseError {
  return failed(
    "out-of-memory",
    `wasm: no room for a tensor of ${gib(bytes)}; all tensors together share ${gib(limit)}. ` +
      `Use fewer or shorter calibration windows, or a device with more memory (--device).`,
  );
}

/** The GPU reported an error, or went away (driver reset, out of memory, unplugged). */
export function deviceFailed(why: string, cause?: unknown): DenoiseError {
  return failed(
    "device-failed",
    `webgpu: ${why}. Run again with --resume; if it comes back, with fewer or shorter windows or --device wasm.`,
    cause,
  );
}
