/** TensorFlow.js' side of a GPU: which tensor's data lies where, and who still refers to it. */
import * as tf from "@tensorflow/tfjs-core";
import { unsupportedType } from "../errors.ts";
import type { FullPrecision } from "../fullPrecision.ts";
import type { CudaDevice } from "./device.ts";
import type { CudaBackend, DeviceMemory } from "./runtime.ts";

interface Data {
  readonly memory: DeviceMemory;
  readonly dtype: NumericType;
  readonly elements: number;
  references: number;
  /** Reads under way: the memory stays until they are done. */
  reads: number;
}

type NumericType = "float32" | "int32" | "bool";
const BYTES: Readonly<Record<NumericType, number>> = { float32: 4, int32: 4, bool: 1 };

/** The smallest `x` such that TensorFlow.js' own `log(x)` and `1 / x` are finite: its value for 32-bit devices. */
const EPSILON = 1e-7;

export class CudaTensorBackend extends tf.KernelBackend implements CudaBackend, FullPrecision {
  private readonly data: tf.DataStorage<Data>;

  constructor(readonly runtime: CudaDevice) {
    super();
    this.data = new tf.DataStorage(this, tf.engine());
  }

  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): tf.DataId {
    const dataId = {};
    this.move(dataId, values, shape, dtype, 1);
    return dataId;
  }

  override move(
    dataId: tf.DataId,
    values: tf.BackendValues,
    shape: number[],
    dtype: tf.DataType,
    refCount: number,
  ): void {
    const type = numeric(dtype);
    const memory = this.runtime.upload(bytesOf(values, type));
    this.keep(dataId, memory, shape, type, refCount);
  }

  override async read(dataId: tf.DataId): Promise<tf.BackendValues> {
    const data = this.data.get(dataId);
    const { values, bytes } = room(data);
    data.reads++;
    try {
      await this.runtime.download(data.memory.address, bytes);
    } finally {
      data.reads--;
      this.freeIfUnused(data);
    }
    return values;
  }

  /** Holds the whole process until the device is done: the engine reads with `data()`. */
  override readSync(dataId: tf.DataId): tf.BackendValues {
    const data = this.data.get(dataId);
    const { values, bytes } = room(data);
    this.runtime.downloadNow(data.memory.address, bytes);
    return values;
  }

  override disposeData(dataId: tf.DataId, force = false): boolean {
    if (!this.data.has(dataId)) return true;
    const data = this.data.get(dataId);
    data.references = force ? 0 : data.references - 1;
    if (data.references > 0) return false;
    this.data.delete(dataId);
    this.freeIfUnused(data);
    return true;
  }

  override refCount(dataId: tf.DataId): number {
    return this.data.has(dataId) ? this.data.get(dataId).references : 0;
  }

  override incRef(dataId: tf.DataId): void {
    this.data.get(dataId).references++;
  }

  override numDataIds(): number {
    return this.data.numDataIds();
  }

  override memory(): { unreliable: boolean; numBytesInGPU: number; peakBytesInGPU: number } {
    const { usedBytes, peakBytes } = this.runtime.pool;
    return { unreliable: false, numBytesInGPU: usedBytes, peakBytesInGPU: peakBytes };
  }

  override timerAvailable(): boolean {
    return true;
  }

  override async time(queue: () => void): Promise<tf.BackendTimingInfo> {
    return { kernelMs: await this.runtime.time(queue) };
  }

  override floatPrecision(): 16 | 32 {
    return 32;
  }

  override epsilon(): number {
    return EPSILON;
  }

  override dispose(): void {
    this.runtime.dispose();
  }

  inFullPrecision<T>(queue: () => T): T {
    return this.runtime.exactly(queue);
  }

  output(shape: readonly number[], dtype: tf.DataType): tf.TensorInfo {
    const type = numeric(dtype);
    const memory = this.runtime.allocate(BYTES[type] * sizeOf(shape));
    const dataId = {};
    this.keep(dataId, memory, shape, type, 1);
    return { dataId, shape: [...shape], dtype };
  }

  address({ dataId }: tf.TensorInfo): number {
    return this.data.get(dataId).memory.address;
  }

  alias({ dataId, dtype }: tf.TensorInfo, shape: readonly number[]): tf.TensorInfo {
    this.incRef(dataId);
    return { dataId, shape: [...shape], dtype };
  }

  release({ dataId }: tf.TensorInfo): void {
    this.disposeData(dataId);
  }

  private keep(
    dataId: tf.DataId,
    memory: DeviceMemory,
    shape: readonly number[],
    dtype: NumericType,
    references: number,
  ): void {
    this.data.set(dataId, { memory, dtype, elements: sizeOf(shape), references, reads: 0 });
  }

  private freeIfUnused(data: Data): void {
    if (data.references <= 0 && data.reads === 0) this.runtime.free(data.memory);
  }
}

const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((size, extent) => size * extent, 1);

function numeric(dtype: tf.DataType): NumericType {
  if (dtype === "float32" || dtype === "int32" || dtype === "bool") return dtype;
  throw unsupportedType("cuda", dtype);
}

/** Memory on this side for what a tensor holds, as TensorFlow.js wants it and as bytes. */
function room({ dtype, elements }: Data): {
  readonly values: tf.BackendValues;
  readonly bytes: Uint8Array;
} {
  const values = arrayOf(dtype, elements);
  return { values, bytes: new Uint8Array(values.buffer) };
}

function arrayOf(dtype: NumericType, elements: number): Float32Array | Int32Array | Uint8Array {
  switch (dtype) {
    case "float32":
      return new Float32Array(elements);
    case "int32":
      return new Int32Array(elements);
    case "bool":
      return new Uint8Array(elements);
    default:
      return dtype satisfies never;
  }
}

/** TensorFlow.js hands over the type's own array, except where a caller did not care. */
function bytesOf(values: tf.BackendValues, dtype: NumericType): Uint8Array {
  const given = values as ArrayLike<number>;
  const array =
    values instanceof arrayOf(dtype, 0).constructor
      ? (values as Float32Array | Int32Array | Uint8Array)
      : convertTo(dtype, given);
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function convertTo(
  dtype: NumericType,
  given: ArrayLike<number>,
): Float32Array | Int32Array | Uint8Array {
  const array = arrayOf(dtype, given.length);
  array.set(given);
  return array;
}
