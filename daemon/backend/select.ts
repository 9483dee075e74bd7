/**
 * Which device computes. The only file that reaches a device's code, and only when it is needed: loading one can
 * start drivers and take memory.
 */
import { DenoiseError } from "../errors.ts";
import { noDevice, startFailed, unavailable } from "./errors.ts";
import {
  DEVICES,
  type DeviceName,
  type DeviceReport,
  type DeviceRequest,
  type Opened,
  type OpenOptions,
  type Provider,
} from "./provider.ts";

/** A started device. One at a time: TensorFlow.js has one global backend. */
export interface Backend extends Opened {
  readonly device: DeviceName;
  /** Why this one: `asked for`, or what auto found about the ones before it. */
  readonly reason: string;
}

/** A device by name; its code is loaded when it is looked at. */
export interface Candidate {
  readonly device: DeviceName;
  readonly load: () => Promise<Provider>;
}

/** In the order in which `auto` prefers them. */
const CANDIDATES: readonly Candidate[] = [
  { device: "cuda", load: async () => (await import("./cuda/open.ts")).cuda },
  {
    device: "tensorflow",
    load: async () => (await import("./tensorflow.ts")).tensorflowProvider(),
  },
  { device: "webgpu", load: async () => (await import("./webgpu/open.ts")).webgpu },
  { device: "wasm", load: async () => (await import("./wasm/open.ts")).wasm },
];

/** What is there, what is missing, and the one command that brings it; in the order `auto` prefers. */
export async function listDevices(
  candidates: readonly Candidate[] = CANDIDATES,
): Promise<DeviceReport[]> {
  return Promise.all(
    DEVICES.map(async (device) => {
      const candidate = candidates.find((other) => other.device === device);
      return candidate ? (await candidate.load()).probe() : notContained(device);
    }),
  );
}

const NOT_CONTAINED = "this version does not contain it";

function notContained(device: DeviceName): DeviceReport {
  return { device, available: false, automatic: false, detail: "", missing: NOT_CONTAINED };
}

/**
 * Starts a device and makes it TensorFlow.js' global backend.
 *
 * @param request `cuda:1` is a device by name too: the second GPU; `cuda:0,1` two of them
 * @throws backend/unavailable when the device asked for is not there; backend/start-failed when it is but does
 *   not start; backend/no-device when `auto` finds none
 */
export async function openBackend(
  request: DeviceRequest,
  options: OpenOptions = {},
  candidates: readonly Candidate[] = CANDIDATES,
): Promise<Backend> {
  if (request === "auto") return firstThatStarts(candidates, options);
  const { device, ordinals } = named(request);
  return openNamed(candidates, device, ordinals === undefined ? options : { ...options, ordinals });
}

/** `cuda:0,1` → cuda, [0, 1] */
function named(request: Exclude<DeviceRequest, "auto">): {
  readonly device: DeviceName;
  readonly ordinals?: readonly number[];
} {
  const device = DEVICES.find((name) => name === request);
  return device === undefined
    ? { device: "cuda", ordinals: request.slice("cuda:".length).split(",").map(Number) }
    : { device };
}

async function openNamed(
  candidates: readonly Candidate[],
  device: DeviceName,
  options: OpenOptions,
): Promise<Backend> {
  const provider = await candidates.find((candidate) => candidate.device === device)?.load();
  const report = await provider?.probe();
  if (provider === undefined || report?.available !== true) {
    const others = (await listDevices(candidates)).filter((other) => other.available);
    throw unavailable(
      device,
      report === undefined ? NOT_CONTAINED : (report.missing ?? report.detail),
      report?.remedy,
      others.map((other) => other.device),
    );
  }
  try {
    return { ...(await provider.open(options)), device, reason: "asked for" };
  } catch (error) {
    // What is a failure with a code already says what to do.
    throw error instanceof DenoiseError ? error : startFailed(device, error);
  }
}

/** What is missing, without the advice that follows it: `devices` gives that. */
const firstSentence = (text: string): string => text.replace(/\. [A-Z].*$/s, "");

async function firstThatStarts(
  candidates: readonly Candidate[],
  options: OpenOptions,
): Promise<Backend> {
  const passed: string[] = [];
  for (const { device, load } of candidates) {
    const provider = await load();
    const report = await provider.probe();
    if (!report.available || !report.automatic) {
      passed.push(`no ${device} (${firstSentence(report.missing ?? report.detail)})`);
      continue;
    }
    try {
      const opened = await provider.open(options);
      return {
        ...opened,
        device,
        reason: passed.length > 0 ? passed.join("; ") : "the first choice",
      };
    } catch (error) {
      passed.push(
        `${device} did not start (${error instanceof Error ? error.message : String(error)})`,
      );
    }
  }
  throw noDevice(passed);
}
