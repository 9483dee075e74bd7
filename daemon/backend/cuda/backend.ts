/**
 * TensorFlow.js' side of the GPUs: which tensor's data lies where, and who still refers to it.
 *
 * One GPU computes at a time as far as TensorFlow.js knows; which, is said around the operations (`onGpu`). Since all is
 * queued, the others go on meanwhile. Data is copied to a GPU when an operation there asks for it, and stays there too.
 */
import * as tf from "@tensorflow/tfjs-core";
import type { RoundedOperands } from "../fused/index.ts";
import type { FullPrecision } from "../fullPrecision.ts";
import type { HostArray, HostMemory } from "../hostArrays.ts";
import type { KeepsTensors } from "../residentTensors.ts";
import type { SeveralGpus } from "../severalGpus.ts";
import type { CudaDevice } from "./device.ts";
import { everyStep } from "./everyStep.ts";
import { LockedArrays } from "./lockedArrays.ts";
import { rateOf } from "./peers.ts";
import type { CudaBackend, DeviceMemory } from "./runtime.ts";
import { TensorData } from "./tensorData.ts";
import { bytesIn, bytesOf, elementsOf, numeric, room, sizeInBytes } from "./values.ts";

/** The smallest `x` such that TensorFlow.js' own `log(x)` and `1 / x` are finite: its value for 32-bit devices. */
const EPSILON = 1e-7;

export class CudaTensorBackend
  extends tf.KernelBackend
  implements CudaBackend, FullPrecision, HostMemory, RoundedOperands, KeepsTensors, SeveralGpus
{
  private readonly data: tf.DataStorage<TensorData>;
  private current: CudaDevice;
  private disposed = false;
  /** Tensors of the kernel that runs now. */
  private made: tf.DataId[] | undefined;
  private readonly locked: LockedArrays;

  /** @param gpus at least one; the first computes unless another is asked for */
  constructor(private readonly gpus: readonly [CudaDevice, ...CudaDevice[]]) {
    super();
    this.data = new tf.DataStorage(this, tf.engine());
    this.current = gpus[0];
    this.locked = new LockedArrays(gpus[0]);
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

  placeOn(index: number, dataId: tf.DataId): void {
    if (this.data.has(dataId)) this.onGpu(index, () => this.ownAddress({ dataId }));
  }

  get linkRate(): number {
    const [first, ...others] = this.gpus;
    const links = others.flatMap((other) => [first.linkTo(other), other.linkTo(first)]);
    return links.length === 0 ? 0 : Math.min(...links.map(rateOf));
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
    const memory = this.runtime.transfers.upload(bytes, this.locked.addressOf(bytes));
    this.keep(dataId, memory, { elements, dtype: type, references: refCount });
  }

  override async read(dataId: tf.DataId): Promise<tf.BackendValues> {
    const data = this.data.get(dataId);
    const { values, bytes } = room(data.elements, data.dtype);
    await this.download(data, bytes);
    return values;
  }

  async readInto(dataId: tf.DataId, target: Float32Array): Promise<void> {
    await this.download(this.data.get(dataId), bytesIn(target));
  }

  hostArray(elements: number): HostArray {
    return this.locked.make(elements);
  }

  async uploaded(): Promise<void> {
    const left = this.gpus.map((gpu) => gpu.transfers.uploaded());
    // Where one failed, the others may still be copying from what is given back then.
    await Promise.allSettled(left);
    await Promise.all(left);
  }

  keepWhileRoom(dataId: tf.DataId, leave: number, giveUp: () => void): (() => void) | undefined {
    const data = this.data.get(dataId);
    const { gpu, memory } = data.origin;
    const { bytes } = memory;
    if (gpu.pool.roomForWork(gpu.freeBytes()) - bytes < leave) return undefined;
    return gpu.pool.kept.add({ bytes, alone: () => data.alone, giveUp });
  }

  /** Holds the whole process until the device is done: the engine reads with `data()`. */
  override readSync(dataId: tf.DataId): tf.BackendValues {
    const data = this.data.get(dataId);
    const { gpu, memory } = data.origin;
    const { values, bytes } = room(data.elements, data.dtype);
    gpu.transfers.downloadNow(memory.address, bytes);
    return values;
  }

  override disposeData(dataId: tf.DataId, force = false): boolean {
    if (!this.data.has(dataId)) return true;
    const data = this.data.get(dataId);
    data.references = force ? 0 : data.references - 1;
    if (data.references > 0) return false;
    this.data.delete(dataId);
    data.freeIfUnused();
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
    // One may still be reading what lies on another, or in an array on the host.
    everyStep([
      ...this.gpus.map((gpu) => () => {
        gpu.finish();
      }),
      () => {
        this.locked.dispose();
      },
      ...this.gpus.map((gpu) => () => {
        gpu.dispose();
      }),
    ]);
  }

  inFullPrecision<T>(queue: () => T): T {
    const everywhere = this.gpus.reduce<() => T>((inner, gpu) => () => gpu.exactly(inner), queue);
    return everywhere();
  }

  output(shape: readonly number[], dtype: tf.DataType): tf.TensorInfo {
    const type = numeric(dtype);
    const elements = elementsOf(shape, type);
    const memory = this.runtime.allocate(sizeInBytes(elements, type));
    const dataId = {};
    this.keep(dataId, memory, { elements, dtype: type, references: 1 });
    return { dataId, shape: [...shape], dtype };
  }

  address({ dataId }: tf.TensorInfo): number {
    return this.data.get(dataId).on(this.current).address;
  }

  rounded({ dataId }: tf.TensorInfo): number {
    return this.data.get(dataId).roundedOn(this.current).address;
  }

  forgetRounded(dataId: tf.DataId): void {
    if (this.data.has(dataId)) this.data.get(dataId).forgetRounded();
  }

  ownAddress({ dataId }: Pick<tf.TensorInfo, "dataId">): number {
    return this.data.get(dataId).onlyOn(this.current).address;
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
    of: ConstructorParameters<typeof TensorData>[1],
  ): void {
    this.made?.push(dataId);
    this.data.set(dataId, new TensorData({ gpu: this.current, memory }, of));
  }

  private async download(data: TensorData, bytes: Uint8Array): Promise<void> {
    await data.whileRead(({ gpu, memory }) =>
      gpu.transfers.download(memory.address, bytes, this.locked.addressOf(bytes)),
    );
  }
}
