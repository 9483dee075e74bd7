/** Doorway of the backends: which machine computes, and the kernels made for this work. */
export { allOrNothing, beside, together } from "./allOrNothing.ts";
export * from "./fused/index.ts";
export { inFullPrecision } from "./fullPrecision.ts";
export { hostArray, readInto, uploaded, type HostArray } from "./hostArrays.ts";
export { hasOwnMemory, ResidentTensors } from "./residentTensors.ts";
export { batchesInFlight, gpuCount, gpuLinkRate, onGpu, placeOn } from "./severalGpus.ts";
export {
  DEVICES,
  type DeviceName,
  type DeviceReport,
  type DeviceRequest,
  type OpenOptions,
} from "./provider.ts";
export { COMPOSED_LIMITS, CUDA_LIMITS, cudaQueries } from "./limits.ts";
export { listDevices, openBackend, type Backend } from "./select.ts";
export { releaseSpare } from "./spareMemory.ts";
export { openSwapSearch, type SwapColumns, type SwapSearch } from "./swapSearch.ts";
