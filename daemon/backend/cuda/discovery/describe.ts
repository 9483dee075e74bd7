/** A GPU in words. */
import type { GpuInfo } from "../runtime.ts";

/** `NVIDIA H100 80GB HBM3 (sm_90, 79.1 GiB)` */
export function describeGpu({ name, capability: [major, minor], totalBytes }: GpuInfo): string {
  return `${name} (sm_${major}${minor}, ${(totalBytes / 2 ** 30).toFixed(1)} GiB)`;
}
