/** What the driver tells of a GPU. */
import { ATTRIBUTE, type Driver } from "./ffi/index.ts";
import type { GpuInfo } from "./runtime.ts";

export function gpuInfo(driver: Driver, device: number): GpuInfo {
  return {
    name: driver.deviceName(device),
    capability: [
      driver.attribute(ATTRIBUTE.capabilityMajor, device),
      driver.attribute(ATTRIBUTE.capabilityMinor, device),
    ],
    multiprocessors: driver.attribute(ATTRIBUTE.multiprocessors, device),
    totalBytes: driver.totalBytes(device),
    sharedBytesPerBlock: driver.attribute(ATTRIBUTE.sharedBytesPerBlock, device),
  };
}

/** As NVRTC names it: `sm_90`. */
export const architectureOf = ({ capability: [major, minor] }: GpuInfo): string =>
  `sm_${major}${minor}`;
