/**
 * The WASM heap of TensorFlow.js, seen from our kernels: addresses of tensors, scratch memory, and an allocator
 * that fails loudly.
 */
import type * as tf from "@tensorflow/tfjs-core";
import { outOfMemory, tensorTooLarge } from "../errors.ts";

/** What we use of TensorFlow.js' `BackendWasm`; its own declarations leave out the Emscripten module. */
export interface WasmBackend {
  readonly wasm: {
    readonly HEAPU8: Uint8Array<ArrayBuffer>;
    readonly asm: { readonly memory: object };
    _malloc(bytes: number): number;
    _free(address: number): void;
  };
  getMemoryOffset(dataId: object): number;
  makeOutput(
    shape: number[],
    dtype: tf.DataType,
    memoryOffset?: number,
    values?: tf.backend_util.BackendValues,
  ): tf.TensorInfo;
  typedArrayFromHeap(tensor: tf.TensorInfo): tf.backend_util.TypedArray;
  disposeData(dataId: object): boolean;
  incRef(dataId: object): void;
}

/** Emscripten lets the heap grow to 65 535 pages of 64 KiB: just under 4 GiB, for all tensors together. */
export const HEAP_LIMIT_BYTES = 65_535 * 65_536;

/**
 * The largest single tensor: Emscripten's `sbrk` takes a signed 32-bit step, and one of 2 GiB would be negative.
 * The last MiB is for the allocator's rounding up.
 */
export const TENSOR_LIMIT_BYTES = 2 ** 31 - 2 ** 20;

/** Address of a tensor's first byte, 0 … 2³². Stays valid when the heap grows; views on the heap do not. */
export function addressOf(backend: WasmBackend, tensor: tf.TensorInfo): number {
  return backend.getMemoryOffset(tensor.dataId);
}

/**
 * Floats of a tensor, in place. Take a fresh one for every call: growing the heap detaches it.
 */
export function floatsAt(backend: WasmBackend, address: number, length: number): Float32Array {
  return new Float32Array(backend.wasm.HEAPU8.buffer, address, length);
}

/** Runs `use` with `bytes` of scratch memory, freed afterwards. */
export function withScratch<T>(
  backend: WasmBackend,
  bytes: number,
  use: (address: number) => T,
): T {
  const address = backend.wasm._malloc(bytes) >>> 0;
  try {
    return use(address);
  } finally {
    backend.wasm._free(address);
  }
}

/**
 * Makes a failed allocation an error. Emscripten's `malloc` answers 0 when the heap cannot grow, takes sizes
 * modulo 2³², and above 2 GiB answers addresses outside the heap; TensorFlow.js checks none of it.
 */
export function guardAllocations(backend: WasmBackend): void {
  const module = backend.wasm;
  // Emscripten's first call replaces `_malloc` by the export itself: let that happen before wrapping it.
  module._free(module._malloc(4));
  const malloc = module._malloc.bind(module);
  module._malloc = (bytes) => {
    if (bytes > TENSOR_LIMIT_BYTES) throw tensorTooLarge("wasm", bytes, TENSOR_LIMIT_BYTES);
    const address = malloc(bytes);
    if (address === 0 && bytes > 0) throw outOfMemory(bytes, HEAP_LIMIT_BYTES);
    return address;
  };
}
