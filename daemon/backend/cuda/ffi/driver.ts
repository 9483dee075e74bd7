/**
 * The CUDA driver API (`cuda.h`), as far as it is needed. Every status but success throws a {@link StatusError};
 * the two that are answers and no failures (not ready, out of memory) come back as values.
 */
import type { Native, NativeFunction, NativeLibrary } from "./native.ts";
import { StatusError } from "./status.ts";

/** A stream, event, context, module, function or memory pool. */
export type Handle = number;

/** `CUdevice_attribute` */
export const ATTRIBUTE = {
  multiprocessors: 16,
  capabilityMajor: 75,
  capabilityMinor: 76,
  sharedBytesPerBlock: 97,
  memoryPools: 115,
} as const;

/** `CUdevice_P2PAttribute` */
export const LINK = { access: 2, atomics: 3 } as const;

export interface Driver {
  readonly path: string;
  /** The same driver, which calls `enter` before whatever needs a context. */
  inContext(enter: () => void): Driver;
  /** 12040 is CUDA 12.4: the newest toolkit this driver runs. */
  version(): number;
  /** Must be called first. */
  initialise(): void;
  deviceCount(): number;
  device(ordinal: number): number;
  deviceName(device: number): string;
  attribute(attribute: (typeof ATTRIBUTE)[keyof typeof ATTRIBUTE], device: number): number;
  totalBytes(device: number): number;
  /** Of the link on which one device reaches another's memory. */
  linkAttribute(attribute: (typeof LINK)[keyof typeof LINK], from: number, to: number): number;
  retainContext(device: number): Handle;
  releaseContext(device: number): void;
  setContext(context: Handle): void;
  /** The current context may touch memory of the other. */
  reach(other: Handle): void;

  createStream(): Handle;
  destroyStream(stream: Handle): void;
  synchronise(stream: Handle): void;
  waitEvent(stream: Handle, event: Handle): void;
  createEvent(timing: boolean): Handle;
  record(event: Handle, stream: Handle): void;
  /** What was queued before the record is done. */
  isDone(event: Handle): boolean;
  awaitEvent(event: Handle): void;
  elapsedMs(start: Handle, end: Handle): number;
  destroyEvent(event: Handle): void;

  /** @returns undefined when the device is out of memory */
  allocateAsync(bytes: number, stream: Handle): number | undefined;
  freeAsync(address: number, stream: Handle): void;
  /** @returns undefined when the device is out of memory */
  allocate(bytes: number): number | undefined;
  free(address: number): void;
  /** @returns undefined when the machine gives no more page-locked memory */
  allocateHost(bytes: number): number | undefined;
  freeHost(address: number): void;
  memory(): { readonly free: number; readonly total: number };
  defaultPool(device: number): Handle;
  /** Freed memory stays with the pool instead of going back to the system at the next synchronisation. */
  keepFreed(pool: Handle): void;
  trim(pool: Handle): void;
  /** Another device may touch the pool's memory. */
  sharePool(pool: Handle, device: number): void;

  toDevice(target: number, hostAddress: number, bytes: number, stream: Handle): void;
  toHost(hostAddress: number, source: number, bytes: number, stream: Handle): void;
  /** Also between GPUs that reach each other. */
  onDevice(target: number, source: number, bytes: number, stream: Handle): void;
  /** From one GPU's memory to another's, through the host where they do not reach each other. */
  betweenDevices(target: Place, source: Place, bytes: number, stream: Handle): void;
  fill(address: number, byte: number, bytes: number, stream: Handle): void;

  loadModule(image: Uint8Array): Handle;
  unloadModule(module: Handle): void;
  kernel(module: Handle, name: string): Handle;
  allowSharedBytes(kernel: Handle, bytes: number): void;
  /** `extra` is the address of the launch's parameter list. */
  launch(kernel: Handle, shape: LaunchShape, stream: Handle, extra: number): void;
}

/** Memory of the GPU of a context. */
export interface Place {
  readonly address: number;
  readonly context: Handle;
}

export interface LaunchShape {
  readonly grid: readonly [number, number, number];
  readonly block: readonly [number, number, number];
  readonly sharedBytes: number;
}

const SIGNATURES = {
  cuInit: ["uint"],
  cuDriverGetVersion: ["void *"],
  cuDeviceGetCount: ["void *"],
  cuDeviceGet: ["void *", "int"],
  cuDeviceGetName: ["void *", "int", "int"],
  cuDeviceGetAttribute: ["void *", "int", "int"],
  cuDeviceTotalMem_v2: ["void *", "int"],
  cuDeviceGetP2PAttribute: ["void *", "int", "int", "int"],
  cuDevicePrimaryCtxRetain: ["void *", "int"],
  cuDevicePrimaryCtxRelease_v2: ["int"],
  cuCtxSetCurrent: ["uint64_t"],
  cuCtxEnablePeerAccess: ["uint64_t", "uint"],
  cuStreamCreate: ["void *", "uint"],
  cuStreamDestroy_v2: ["uint64_t"],
  cuStreamSynchronize: ["uint64_t"],
  cuStreamWaitEvent: ["uint64_t", "uint64_t", "uint"],
  cuEventCreate: ["void *", "uint"],
  cuEventRecord: ["uint64_t", "uint64_t"],
  cuEventQuery: ["uint64_t"],
  cuEventSynchronize: ["uint64_t"],
  cuEventElapsedTime: ["void *", "uint64_t", "uint64_t"],
  cuEventDestroy_v2: ["uint64_t"],
  cuMemAllocAsync: ["void *", "size_t", "uint64_t"],
  cuMemFreeAsync: ["uint64_t", "uint64_t"],
  cuMemAlloc_v2: ["void *", "size_t"],
  cuMemFree_v2: ["uint64_t"],
  cuMemAllocHost_v2: ["void *", "size_t"],
  cuMemFreeHost: ["uint64_t"],
  cuMemGetInfo_v2: ["void *", "void *"],
  cuDeviceGetDefaultMemPool: ["void *", "int"],
  cuMemPoolSetAttribute: ["uint64_t", "int", "void *"],
  cuMemPoolTrimTo: ["uint64_t", "size_t"],
  cuMemPoolSetAccess: ["uint64_t", "void *", "size_t"],
  cuMemcpyHtoDAsync_v2: ["uint64_t", "uint64_t", "size_t", "uint64_t"],
  cuMemcpyDtoHAsync_v2: ["uint64_t", "uint64_t", "size_t", "uint64_t"],
  cuMemcpyDtoDAsync_v2: ["uint64_t", "uint64_t", "size_t", "uint64_t"],
  cuMemcpyPeerAsync: ["uint64_t", "uint64_t", "uint64_t", "uint64_t", "size_t", "uint64_t"],
  cuMemsetD8Async: ["uint64_t", "uchar", "size_t", "uint64_t"],
  cuModuleLoadData: ["void *", "void *"],
  cuModuleUnload: ["uint64_t"],
  cuModuleGetFunction: ["void *", "uint64_t", "str"],
  cuFuncSetAttribute: ["uint64_t", "int", "int"],
  cuLaunchKernel: [
    ...(["uint64_t", "uint", "uint", "uint", "uint", "uint", "uint", "uint"] as const),
    ...(["uint64_t", "uint64_t", "uint64_t"] as const),
  ],
  cuGetErrorName: ["int", "void *"],
  cuGetErrorString: ["int", "void *"],
} as const;
type Call = keyof typeof SIGNATURES;

/** These are about the driver and its devices. */
const WITHOUT_CONTEXT = /^cu(Init|DriverGet|DeviceGet|DeviceTotal|DevicePrimary|CtxSet|GetError)/;

const OUT_OF_MEMORY = 2;
const NOT_READY = 600;
const PEER_ACCESS_ALREADY_ENABLED = 704;
const STREAM_NON_BLOCKING = 1;
const EVENT_DISABLE_TIMING = 2;
const POOL_RELEASE_THRESHOLD = 4;
const MAX_DYNAMIC_SHARED_BYTES = 8;
const NAME_BYTES = 256;
/** `CUmemAccessDesc`: a location of this type, and what it may do. */
const LOCATION_DEVICE = 1;
const ACCESS_READ_WRITE = 3;

/** @throws where a function is missing: a driver older than CUDA 11.2 */
export function bindDriver(native: Native, library: NativeLibrary, enter?: () => void): Driver {
  const names = Object.keys(SIGNATURES) as Call[];
  const c = Object.fromEntries(
    names.map((name) => [name, functionOf(library, name, enter)]),
  ) as Record<Call, NativeFunction>;
  // One cell of each kind for what comes back by pointer; calls are synchronous and never nested.
  const int = new Int32Array(1);
  const word = new BigUint64Array(2);
  const second = word.subarray(1);
  const float = new Float32Array(1);
  const wordValue = (at = 0): number => Number(word[at] ?? 0n);

  const words = (call: "cuGetErrorName" | "cuGetErrorString", status: number): string =>
    c[call](status, word) === 0 && word[0] !== 0n ? native.string(wordValue()) : "";
  const check = (call: Call, status: number): void => {
    if (status === 0) return;
    const symbol = words("cuGetErrorName", status) || "an unknown status";
    throw new StatusError(call, status, symbol, words("cuGetErrorString", status));
  };
  const handle = (call: Call, ...rest: readonly (number | string | Uint8Array)[]): Handle => {
    check(call, c[call](word, ...rest));
    return wordValue();
  };
  const integer = (call: Call, ...rest: readonly number[]): number => {
    check(call, c[call](int, ...rest));
    return int[0] ?? 0;
  };
  const memory = (call: Call, status: number): number | undefined => {
    if (status === OUT_OF_MEMORY) return undefined;
    check(call, status);
    return wordValue();
  };

  return {
    path: library.path,
    inContext: (before) => bindDriver(native, library, before),
    version: () => integer("cuDriverGetVersion"),
    initialise: () => {
      check("cuInit", c.cuInit(0));
    },
    deviceCount: () => integer("cuDeviceGetCount"),
    device: (ordinal) => integer("cuDeviceGet", ordinal),
    deviceName(device) {
      const name = new Uint8Array(NAME_BYTES);
      check("cuDeviceGetName", c.cuDeviceGetName(name, NAME_BYTES, device));
      return Buffer.from(name.subarray(0, name.indexOf(0))).toString("utf8");
    },
    attribute: (attribute, device) => integer("cuDeviceGetAttribute", attribute, device),
    totalBytes: (device) => handle("cuDeviceTotalMem_v2", device),
    linkAttribute: (attribute, from, to) => integer("cuDeviceGetP2PAttribute", attribute, from, to),
    retainContext: (device) => handle("cuDevicePrimaryCtxRetain", device),
    releaseContext(device) {
      check("cuDevicePrimaryCtxRelease_v2", c.cuDevicePrimaryCtxRelease_v2(device));
    },
    setContext(context) {
      check("cuCtxSetCurrent", c.cuCtxSetCurrent(context));
    },
    reach(other) {
      const status = c.cuCtxEnablePeerAccess(other, 0);
      if (status !== PEER_ACCESS_ALREADY_ENABLED) check("cuCtxEnablePeerAccess", status);
    },

    createStream: () => handle("cuStreamCreate", STREAM_NON_BLOCKING),
    destroyStream(stream) {
      check("cuStreamDestroy_v2", c.cuStreamDestroy_v2(stream));
    },
    synchronise(stream) {
      check("cuStreamSynchronize", c.cuStreamSynchronize(stream));
    },
    waitEvent(stream, event) {
      check("cuStreamWaitEvent", c.cuStreamWaitEvent(stream, event, 0));
    },
    createEvent: (timing) => handle("cuEventCreate", timing ? 0 : EVENT_DISABLE_TIMING),
    record(event, stream) {
      check("cuEventRecord", c.cuEventRecord(event, stream));
    },
    isDone(event) {
      const status = c.cuEventQuery(event);
      if (status === NOT_READY) return false;
      check("cuEventQuery", status);
      return true;
    },
    awaitEvent(event) {
      check("cuEventSynchronize", c.cuEventSynchronize(event));
    },
    elapsedMs(start, end) {
      check("cuEventElapsedTime", c.cuEventElapsedTime(float, start, end));
      return float[0] ?? 0;
    },
    destroyEvent(event) {
      check("cuEventDestroy_v2", c.cuEventDestroy_v2(event));
    },

    allocateAsync: (bytes, stream) =>
      memory("cuMemAllocAsync", c.cuMemAllocAsync(word, bytes, stream)),
    freeAsync(address, stream) {
      check("cuMemFreeAsync", c.cuMemFreeAsync(address, stream));
    },
    allocate: (bytes) => memory("cuMemAlloc_v2", c.cuMemAlloc_v2(word, bytes)),
    free(address) {
      check("cuMemFree_v2", c.cuMemFree_v2(address));
    },
    allocateHost: (bytes) => memory("cuMemAllocHost_v2", c.cuMemAllocHost_v2(word, bytes)),
    freeHost(address) {
      check("cuMemFreeHost", c.cuMemFreeHost(address));
    },
    memory() {
      check("cuMemGetInfo_v2", c.cuMemGetInfo_v2(word, second));
      return { free: wordValue(), total: wordValue(1) };
    },
    defaultPool: (device) => handle("cuDeviceGetDefaultMemPool", device),
    keepFreed(pool) {
      const everything = BigUint64Array.of(0xffff_ffff_ffff_ffffn);
      const status = c.cuMemPoolSetAttribute(pool, POOL_RELEASE_THRESHOLD, everything);
      check("cuMemPoolSetAttribute", status);
    },
    trim(pool) {
      check("cuMemPoolTrimTo", c.cuMemPoolTrimTo(pool, 0));
    },
    sharePool(pool, device) {
      const access = Int32Array.of(LOCATION_DEVICE, device, ACCESS_READ_WRITE);
      check("cuMemPoolSetAccess", c.cuMemPoolSetAccess(pool, access, 1));
    },

    toDevice(target, hostAddress, bytes, stream) {
      const status = c.cuMemcpyHtoDAsync_v2(target, hostAddress, bytes, stream);
      check("cuMemcpyHtoDAsync_v2", status);
    },
    toHost(hostAddress, source, bytes, stream) {
      const status = c.cuMemcpyDtoHAsync_v2(hostAddress, source, bytes, stream);
      check("cuMemcpyDtoHAsync_v2", status);
    },
    onDevice(target, source, bytes, stream) {
      check("cuMemcpyDtoDAsync_v2", c.cuMemcpyDtoDAsync_v2(target, source, bytes, stream));
    },
    betweenDevices(to, from, bytes, stream) {
      check(
        "cuMemcpyPeerAsync",
        // prettier-ignore
        c.cuMemcpyPeerAsync(to.address, to.context, from.address, from.context, bytes, stream),
      );
    },
    fill(address, byte, bytes, stream) {
      check("cuMemsetD8Async", c.cuMemsetD8Async(address, byte, bytes, stream));
    },

    loadModule: (image) => handle("cuModuleLoadData", image),
    unloadModule(module) {
      check("cuModuleUnload", c.cuModuleUnload(module));
    },
    kernel: (module, name) => handle("cuModuleGetFunction", module, name),
    allowSharedBytes(kernel, bytes) {
      const status = c.cuFuncSetAttribute(kernel, MAX_DYNAMIC_SHARED_BYTES, bytes);
      check("cuFuncSetAttribute", status);
    },
    launch(kernel, { grid: g, block: b, sharedBytes }, stream, extra) {
      check(
        "cuLaunchKernel",
        c.cuLaunchKernel(kernel, g[0], g[1], g[2], b[0], b[1], b[2], sharedBytes, stream, 0, extra),
      );
    },
  };
}

function functionOf(library: NativeLibrary, name: Call, enter?: () => void): NativeFunction {
  const call = library.function(name, SIGNATURES[name]);
  if (enter === undefined || WITHOUT_CONTEXT.test(name)) return call;
  return (...args) => {
    enter();
    return call(...args);
  };
}
