/**
 * What a device has to offer to be chosen: one `Provider` each, found in `select.ts`. To add a device is to add a
 * provider; nothing else changes.
 */
import type { DeviceName } from "../vocabulary.ts";

export { DEVICES, type DeviceName } from "../vocabulary.ts";
/**
 * `cuda:1` is the second NVIDIA GPU, in the order of `denoise-rotator devices`, `cuda:0,1` the first two together;
 * `cuda` is the first.
 */
export type DeviceRequest = "auto" | DeviceName | `cuda:${string}`;

/** One line of `denoise-rotator devices`. */
export interface DeviceReport {
  readonly device: DeviceName;
  /** `--device <name>` works. */
  readonly available: boolean;
  /** `--device auto` may take it. A GPU emulated in software is available but never automatic. */
  readonly automatic: boolean;
  /** Versions, adapter, library: what is there. */
  readonly detail: string;
  /** What is missing for it to work, or to work at full speed. */
  readonly missing?: string;
  /** The one command that brings what is missing. */
  readonly remedy?: string;
}

/** Why something is not there, and the one command that brings it, where one does. */
export interface Absence {
  /** What is missing, in one sentence; advice and details in further ones. */
  readonly why: string;
  readonly remedy?: string;
}

export function missing({ why, remedy }: Absence): Pick<DeviceReport, "missing" | "remedy"> {
  return remedy === undefined ? { missing: why } : { missing: why, remedy };
}

export interface OpenOptions {
  /** wasm only: hand matrix products to a system BLAS where one is found. Default true. */
  readonly blas?: boolean;
  /** cuda only: which GPUs, counted from 0. Default the first. */
  readonly ordinals?: readonly number[];
  /** cuda only: how matrix products are computed. Default `tf32`. */
  readonly precision?: "tf32" | "bf16" | "f32";
}

/** A started device; TensorFlow.js' global backend is set to it. */
export interface Opened {
  /** For people: `wasm with OpenBLAS 0.3.21 (/usr/lib/…/libopenblas.so.0), 2 threads` */
  readonly description: string;
  /** The largest single tensor. */
  readonly maxTensorBytes: number;
  /** All tensors together, where the device itself sets a limit; Infinity where only the machine does. */
  readonly maxTotalBytes: number;
  dispose(): Promise<void>;
}

export interface Provider {
  readonly device: DeviceName;
  /** Looks without keeping anything open. Never throws: what is wrong goes into the report. */
  probe(): Promise<DeviceReport>;
  open(options: OpenOptions): Promise<Opened>;
}
