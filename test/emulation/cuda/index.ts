/**
 * A GPU in software, for tests of the `cuda` backend on machines that have none: three libraries under the driver's,
 * NVRTC's and cuBLAS's own names, built with g++ into `.cache/cuda-emulation/<hash>`. Kernels run on the CPU, thread by
 * thread, with poisoned memory and guarded allocations.
 */
export { emulatedCuda, type EmulatedCuda } from "./build.ts";
export { emulatedGpu, type Counters, type EmulatedGpu } from "./gpu.ts";
