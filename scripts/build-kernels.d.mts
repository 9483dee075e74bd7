/** Compiles dist/kernels.wasm where it is older than its sources. */
export function buildKernels(): Promise<{ path: string; built: boolean }>;
