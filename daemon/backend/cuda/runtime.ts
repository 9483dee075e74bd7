/**
 * What kernels of the `cuda` backend may ask for: memory, launches and matrix products on one stream of one GPU.
 * Everything is queued in order; nothing here waits for the device.
 */
import type * as tf from "@tensorflow/tfjs-core";

/** CUDA C source whose kernels are `extern "C" __global__ void`; compiled once per GPU architecture, cached on disk. */
export interface Program {
  /** Its file's name, for messages and the cache. */
  readonly name: string;
  readonly source: string;
}

/** A kernel's argument, packed as C lays out a parameter of that type. */
export type Argument =
  | { readonly type: "pointer"; readonly value: number }
  | { readonly type: "i32" | "u32" | "f32" | "i64"; readonly value: number };

export const pointer = (value: number): Argument => ({ type: "pointer", value });
export const i32 = (value: number): Argument => ({ type: "i32", value });
export const u32 = (value: number): Argument => ({ type: "u32", value });
export const i64 = (value: number): Argument => ({ type: "i64", value });
export const f32 = (value: number): Argument => ({ type: "f32", value });

export type Extent = readonly [x: number, y?: number, z?: number];

export interface Launch {
  readonly program: Program;
  /** The kernel's name in the program. */
  readonly entry: string;
  /** Blocks: x up to 2³¹ − 1, y and z up to 65535. Where one is 0 nothing is launched. */
  readonly grid: Extent;
  /** Threads of a block, at most 1024 together. */
  readonly block: Extent;
  /** Dynamic shared memory, bytes; above 48 KiB the limit is raised for the kernel. */
  readonly sharedBytes?: number;
  readonly args: readonly Argument[];
}

/** Device memory out of the pool; `bytes` may be less than what was reserved. */
export interface DeviceMemory {
  readonly address: number;
  readonly bytes: number;
}

/**
 * How a product is computed on float32 operands: `tf32` (tensor cores, 10 bits of mantissa in the operands, float32
 * sums), `bf16` (operands rounded to bfloat16, float32 sums) or `f32` (no tensor cores).
 */
export type Precision = "tf32" | "bf16" | "f32";

/**
 * `C ← alpha · op(A) op(B) + beta · C`, row-major float32: op(A) `[m, k]`, op(B) `[k, n]`, C `[m, n]`, for `batch`
 * triples `stride` elements apart (stride 0: the same operand for all).
 */
export interface Gemm {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Device addresses. */
  readonly a: number;
  readonly b: number;
  readonly c: number;
  /** Elements between rows as stored; by default the row's length. */
  readonly lda?: number;
  readonly ldb?: number;
  readonly ldc?: number;
  readonly batch?: number;
  readonly strideA?: number;
  readonly strideB?: number;
  readonly strideC?: number;
  readonly alpha?: number;
  readonly beta?: number;
  /** By default the backend's: `tf32`. */
  readonly precision?: Precision;
  /** How the operands lie in memory, by default `f32`; with a bf16 operand the product's precision is `bf16`. */
  readonly storedA?: Storage;
  readonly storedB?: Storage;
}

export type Storage = "f32" | "bf16";

export interface GpuInfo {
  readonly name: string;
  readonly capability: readonly [major: number, minor: number];
  readonly multiprocessors: number;
  readonly totalBytes: number;
  /** Shared memory that a block may have, static and dynamic together. */
  readonly sharedBytesPerBlock: number;
}

/** One GPU, one stream. Every failing status of the driver or a library is thrown as backend/device-failed. */
export interface CudaRuntime {
  readonly gpu: GpuInfo;
  readonly precision: Precision;
  /** Whether all products are computed in full float32 now, whatever they ask for. */
  readonly exact: boolean;
  /** @throws backend/gpu-out-of-memory with what was asked, what is in use and what helps */
  allocate(bytes: number): DeviceMemory;
  /** Given back to the pool in stream order: kernels queued before may still use it. */
  free(memory: DeviceMemory): void;
  launch(launch: Launch): void;
  gemm(product: Gemm): void;
  /** Rounds float32 to bfloat16 (nearest, ties to even), queued; the caller frees the result. */
  toBf16(source: number, elements: number): DeviceMemory;
  /** Fills with a byte, queued. */
  fill(address: number, byte: number, bytes: number): void;
  /** Device to device, queued. */
  copy(target: number, source: number, bytes: number): void;
}

/** Kernels count elements in 32 bits with a sign. */
export const ELEMENT_LIMIT = 2 ** 31 - 1;

/**
 * The TensorFlow.js backend. Tensors lie on the device: float32 and int32 as 4 bytes an element, bool as 1, row-major
 * and dense; complex64 and string are not supported.
 */
export interface CudaBackend extends tf.KernelBackend {
  /** The GPU that computes now. */
  readonly runtime: CudaRuntime;
  /** A new tensor whose contents are undefined until a kernel fills it. */
  output(shape: readonly number[], dtype: tf.DataType): tf.TensorInfo;
  /** The device address of a tensor's data, to read; copied to this GPU where it lies on another only. */
  address(tensor: tf.TensorInfo): number;
  /** The device address of a float32 tensor's data rounded to bfloat16; kept with it for the next product. */
  rounded(tensor: tf.TensorInfo): number;
  /**
   * The same as {@link address}, to write in place: copies on other GPUs are given up.
   *
   * @throws while the tensor is read: what is read must not change meanwhile
   */
  ownAddress(tensor: tf.TensorInfo): number;
  /** The same data under another shape (its own reference). */
  alias(tensor: tf.TensorInfo, shape: readonly number[]): tf.TensorInfo;
  /** Frees a tensor that a kernel made for itself. */
  release(tensor: tf.TensorInfo): void;
}
