/**
 * TensorFlow.js' side of the GPUs: which tensor's data lies where, and who still refers to it.
 *
 * One GPU computes at a time as far as TensorFlow.js knows; which, is said around the operations (`onGpu`). Since all is
 * queued, the others go on meanwhile. Data is copied to a GPU when an operation there asks for it, and stays there too.
 */
import * as tf from "@tensorflow/tfjs-core";
import { tensorTooLarge, unsupportedType } from "../errors.ts";
import type { FullPrecision } from "../fullPrecision.ts";
import type { HostArray, HostMemory } from "../hostArrays.ts";
import type { SeveralGpus } from "../severalGpus.ts";
import type { CudaDevice } from "./device.ts";
import type { Pinned } from "./pinned.ts";
import { ELEMENT_LIMIT, type CudaBackend, type DeviceMemory } from "./runtime.ts";

interface Data {
  /** Where the data was made, or written last. */
  home: Copy;
  readonly copies: Map<CudaDevice, DeviceMemory>;
  readonly dtype: NumericType;
  readonly elements: number;
  references: number;
  /** Reads under way: the memory stays until they are done. */
  reads: number;
}

interface Copy {
  readonly gpu: CudaDevice;
  readonly memory: DeviceMemory;
}

type NumericType = "float32" | "int32" | "bool";
const BYTES: Readonly<Record<NumericType, number>> = { float32: 4, int32: 4, bool: 1 };

/** The smallest `x` such that TensorFlow.js' own `log(x)` and `1 / x` are finite: its value for 32-bit devices. */
const EPSILON = 1e-7;

export class CudaTensorBackend
  extends tf.KernelBackend
  implements CudaBackend, FullPrecision, HostMemory, SeveralGpus
{
  private readonly data: tf.DataStorage<Data>;
  private current: CudaDevice;
  private disposed = false;
  /** Tensors of the kernel that runs now. */
  private made: tf.DataId[] | undefined;
  /** Page-locked arrays that are in use, by their memory. */
  private readonly hosts = new Map<ArrayBufferLike, Pinned>();

  /** @param gpus at least one; the first computes unless another is asked for */
  constructor(private readonly gpus: readonly [CudaDevice, ...CudaDevice[]]) {
    super();
    this.data = new tf.DataStorage(this, tf.engine());
    this.current = gpus[0];
  }

  get runtime(): CudaDevice {
    return this.current;
  }

  get gpuCount(): number {
    return this.gpus.length;
  }

  onGpu<T>(index: number, queue: () => T): T {
    const gpu = this.gpus[index];
    if (gpu === undefined) throw new RangeError(`there are ${this.gpus.length} GPUs, not ${index}`);
    const before = this.current;
    this.current = gpu;
    try {
      return queue();
    } finally {
      this.current = before;
    }
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
    const elements = elementsOf(shape, type);
    const bytes = bytesOf(values, type);
    const memory = this.runtime.upload(bytes, this.hostAddress(bytes));
    this.keep(dataId, memory, elements, type, refCount);
  }

  override async read(dataId: tf.DataId): Promise<tf.BackendValues> {
    const data = this.data.get(dataId);
    const { values, bytes } = room(data);
    await this.download(data, bytes);
    return values;
  }

  async readInto(dataId: tf.DataId, target: Float32Array): Promise<void> {
    await this.download(this.data.get(dataId), bytesIn(target));
  }

  hostArray(elements: number): HostArray {
    const bytes = elements * Float32Array.BYTES_PER_ELEMENT;
    const memory = bytes === 0 ? undefined : this.gpus[0].hostMemory(bytes);
    // What is not page-locked goes through the rings: slower, and as right.
    if (memory === undefined) {
      return { values: new Float32Array(elements), release: () => undefined };
    }
    const { buffer } = memory.bytes;
    this.hosts.set(buffer, memory);
    return {
      values: new Float32Array(buffer, 0, elements),
      release: () => {
        if (this.hosts.delete(buffer)) this.gpus[0].releaseHost(memory);
      },
    };
  }

  async uploaded(): Promise<void> {
    await Promise.all(this.gpus.map((gpu) => gpu.uploaded()));
  }

  /** Holds the whole process until the device is done: the engine reads with `data()`. */
  override readSync(dataId: tf.DataId): tf.BackendValues {
    const data = this.data.get(dataId);
    const { gpu, memory } = data.home;
    const { values, bytes } = room(data);
    gpu.downloadNow(memory.address, bytes);
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
    const sum = (of: (gpu: CudaDevice) => number): number =>
      this.gpus.reduce((total, gpu) => total + of(gpu), 0);
    return {
      unreliable: false,
      numBytesInGPU: sum(({ pool }) => pool.usedBytes),
      peakBytesInGPU: sum(({ pool }) => pool.peakBytes),
    };
  }

  override timerAvailable(): boolean {
    return true;
  }

  /** What the fullest GPU has left, after what every process took. */
  freeBytes(): number {
    return Math.min(...this.gpus.map((gpu) => gpu.freeBytes()));
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

  /** TensorFlow.js calls it when the backend is removed; once is enough. */
  override dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    for (const memory of this.hosts.values()) this.gpus[0].releaseHost(memory);
    this.hosts.clear();
    for (const gpu of this.gpus) gpu.dispose();
  }

  inFullPrecision<T>(queue: () => T): T {
    const everywhere = this.gpus.reduce<() => T>((inner, gpu) => () => gpu.exactly(inner), queue);
    return everywhere();
  }

  output(shape: readonly number[], dtype: tf.DataType): tf.TensorInfo {
    const type = numeric(dtype);
    const elements = elementsOf(shape, type);
    const memory = this.runtime.allocate(BYTES[type] * elements);
    const dataId = {};
    this.keep(dataId, memory, elements, type, 1);
    return { dataId, shape: [...shape], dtype };
  }

  address({ dataId }: tf.TensorInfo): number {
    return this.copyHere(this.data.get(dataId)).address;
  }

  ownAddress({ dataId }: tf.TensorInfo): number {
    const data = this.data.get(dataId);
    if (data.reads > 0) throw new Error("cuda: a tensor that is being read is written in place");
    const memory = this.copyHere(data);
    if (data.home.gpu === this.current && data.copies.size === 0) return memory.address;
    const others = [...data.copies, [data.home.gpu, data.home.memory] as const];
    for (const [gpu, copy] of others) if (gpu !== this.current) gpu.free(copy);
    data.copies.clear();
    data.home = { gpu: this.current, memory };
    return memory.address;
  }

  alias({ dataId, dtype }: tf.TensorInfo, shape: readonly number[]): tf.TensorInfo {
    this.incRef(dataId);
    return { dataId, shape: [...shape], dtype };
  }

  release({ dataId }: tf.TensorInfo): void {
    this.disposeData(dataId);
  }

  /** The same kernel; where it throws (the device is full), the tensors that it made until then are freed. */
  allOrNothing({ kernelFunc, ...rest }: tf.KernelConfig): tf.KernelConfig {
    return {
      ...rest,
      kernelFunc: (params) => {
        const outer = this.made;
        const made: tf.DataId[] = [];
        this.made = made;
        try {
          return kernelFunc(params);
        } catch (error) {
          for (const dataId of made) this.disposeData(dataId, true);
          throw error;
        } finally {
          this.made = outer;
        }
      },
    };
  }

  private keep(
    dataId: tf.DataId,
    memory: DeviceMemory,
    elements: number,
    dtype: NumericType,
    references: number,
  ): void {
    this.made?.push(dataId);
    this.data.set(dataId, {
      home: { gpu: this.current, memory },
      copies: new Map(),
      dtype,
      elements,
      references,
      reads: 0,
    });
  }

  private async download(data: Data, bytes: Uint8Array): Promise<void> {
    const { gpu, memory } = data.home;
    data.reads++;
    try {
      await gpu.download(memory.address, bytes, this.hostAddress(bytes));
    } finally {
      data.reads--;
      this.freeIfUnused(data);
    }
  }

  /** Where an array lies, if in page-locked memory. */
  private hostAddress({ buffer, byteOffset }: Uint8Array): number | undefined {
    const memory = this.hosts.get(buffer);
    return memory && memory.address + byteOffset;
  }

  private copyHere(data: Data): DeviceMemory {
    const { gpu, memory } = data.home;
    if (gpu === this.current) return memory;
    const known = data.copies.get(this.current);
    if (known) return known;
    const copy = this.current.copyFrom(gpu, memory);
    data.copies.set(this.current, copy);
    return copy;
  }

  private freeIfUnused(data: Data): void {
    if (data.references > 0 || data.reads > 0) return;
    data.home.gpu.free(data.home.memory);
    for (const [gpu, memory] of data.copies) gpu.free(memory);
  }
}

/** @throws backend/tensor-too-large */
function elementsOf(shape: readonly number[], dtype: NumericType): number {
  const elements = shape.reduce((size, extent) => size * extent, 1);
  if (elements <= ELEMENT_LIMIT) return elements;
  throw tensorTooLarge("cuda", BYTES[dtype] * elements, BYTES[dtype] * ELEMENT_LIMIT);
}

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
  return bytesIn(array);
}

const bytesIn = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

function convertTo(
  dtype: NumericType,
  given: ArrayLike<number>,
): Float32Array | Int32Array | Uint8Array {
  const array = arrayOf(dtype, given.length);
  array.set(given);
  return array;
}
