/**
 * The WASM heap of TensorFlow.js, seen from our kernels: addresses of tensors, scratch memory, and an allocator
 * that fails loudly.
 */
import type * as tf from "@tensorflow/tfjs-core";
import { outOfMemory, tensorTooLarge } from "../errors.ts";
import type { HostMemory } from "../hostArrays.ts";
import type { SpareMemory } from "../spareMemory.ts";
import { Arena } from "./arena.ts";
import type { Pages } from "./pages.ts";

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
  refCount(dataId: object): number;
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

/** The same floats in memory of their own. */
export function copyOf(backend: WasmBackend, x: tf.TensorInfo): tf.TensorInfo {
  const copy = backend.makeOutput(x.shape, "float32");
  const from = addressOf(backend, x);
  backend.wasm.HEAPU8.copyWithin(
    addressOf(backend, copy),
    from,
    from + 4 * x.shape.reduce((product, n) => product * n, 1),
  );
  return copy;
}

/** The tensor itself under one more reference where nobody else holds it, else a copy. */
export function owned(backend: WasmBackend, x: tf.TensorInfo): tf.TensorInfo {
  if (backend.refCount(x.dataId) > 1) return copyOf(backend, x);
  backend.incRef(x.dataId);
  const { dataId, shape, dtype } = x;
  return { dataId, shape, dtype };
}

/** Copies a tensor's floats into a host array that is there already, instead of making one for each. */
export function offerReading(backend: WasmBackend): void {
  const reading: Pick<HostMemory, "readInto"> = {
    readInto(dataId, target) {
      target.set(floatsAt(backend, backend.getMemoryOffset(dataId), target.length));
      return Promise.resolve();
    },
  };
  Object.assign(backend, reading);
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

/** Tensors from this size on lie in the arena; the smaller ones together are little. */
const LARGE_BYTES = 256 << 10;

/**
 * Makes a failed allocation an error, and places large tensors so that freed memory serves again. Emscripten's
 * `malloc` answers 0 when the heap cannot grow, takes sizes modulo 2³², and above 2 GiB answers addresses outside the
 * heap; TensorFlow.js checks none of it.
 */
export function guardAllocations(backend: WasmBackend, pages?: Pages): void {
  const module = backend.wasm;
  // Emscripten's first call replaces `_malloc` and `_free` by the exports themselves: let that happen before wrapping.
  module._free(module._malloc(4));
  const malloc = module._malloc.bind(module);
  const free = module._free.bind(module);
  const full = (bytes: number) => outOfMemory(bytes, HEAP_LIMIT_BYTES);
  const arena = new Arena({
    reserve: (bytes) => malloc(bytes) >>> 0,
    release: free,
    full,
    discard:
      pages &&
      ((address, bytes) => {
        pages.discard(new Uint8Array(module.HEAPU8.buffer, address, bytes));
      }),
    growing() {
      pages?.trim();
    },
  });
  module._malloc = (bytes) => {
    if (bytes > TENSOR_LIMIT_BYTES) throw tensorTooLarge("wasm", bytes, TENSOR_LIMIT_BYTES);
    if (bytes >= LARGE_BYTES) return arena.allocate(bytes);
    const address = malloc(bytes);
    if (address === 0 && bytes > 0) throw full(bytes);
    return address;
  };
  module._free = (address) => {
    if (!arena.free(address >>> 0)) free(address);
  };
  const spare: SpareMemory = {
    releaseSpare() {
      arena.settle();
      pages?.trim();
    },
  };
  Object.assign(backend, spare);
}
