/** `kernels.wasm` (AssemblyScript, see `wasm/assembly/`), to be instantiated on whatever memory it shall work on. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";

/** The part of the standard global that is used; neither Node's types nor ES2023 declare it as a value. */
const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    Memory: new (pages: { initial: number }) => KernelMemory;
    instantiate(code: Uint8Array, imports: object): Promise<{ instance: { exports: unknown } }>;
  };
};

export interface KernelMemory {
  readonly buffer: ArrayBuffer;
}

const PAGE_BYTES = 65_536;

/** Memory of its own, zeroed, for kernels that work on none of TensorFlow.js'. It goes when nobody holds it. */
export function newMemory(bytes: number): KernelMemory {
  return new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE_BYTES) });
}

/** Beside a bundle in `dist/`, or in `dist/` as seen from this source file. */
const LOCATIONS = [
  new URL("./kernels.wasm", import.meta.url),
  new URL("../../dist/kernels.wasm", import.meta.url),
];

/** Kept: an update of the extension may delete the file while a run of days still needs it. */
let code: Promise<Uint8Array> | undefined;

/**
 * @param memory a WebAssembly memory; all addresses that the kernels take are in it
 * @returns the exports that the caller knows the module to have; undefined when it has not been built: what is
 *   composed of ordinary code serves then
 */
export async function instantiateKernels<Exports>(memory: object): Promise<Exports | undefined> {
  if (code === undefined) {
    const file = LOCATIONS.find((url) => existsSync(url));
    if (file === undefined) return undefined;
    code = readFile(file);
  }
  const { instance } = await WebAssembly.instantiate(await code, { env: { memory } });
  return instance.exports as Exports;
}
