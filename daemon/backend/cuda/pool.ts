/** The account of device memory, and what happens when the device is full. */
import { gpuOutOfMemory } from "../errors.ts";
import type { Driver, Handle } from "./ffi/index.ts";
import type { MemorySource } from "./memorySource.ts";
import type { DeviceMemory } from "./runtime.ts";

export interface PoolPlace {
  readonly source: MemorySource;
  /** Memory is freed in this stream's order. */
  readonly stream: Handle;
  /** For messages. */
  readonly gpu: string;
  readonly memory: Driver["memory"];
}

export class DevicePool {
  private readonly live = new Map<number, number>();
  private inUse = 0;
  private highest = 0;

  constructor(private readonly place: PoolPlace) {}

  /** Bytes handed out and not given back. */
  get usedBytes(): number {
    return this.inUse;
  }

  /** The most that was ever in use. */
  get peakBytes(): number {
    return this.highest;
  }

  get blocks(): number {
    return this.live.size;
  }

  /** Whether {@link allocate} may be told another stream. */
  get anyStream(): boolean {
    return this.place.source.anyStream;
  }

  /**
   * @param stream whose work will touch the memory first; the pool's own by default
   * @throws backend/gpu-out-of-memory
   */
  allocate(bytes: number, stream = this.place.stream): DeviceMemory {
    const { source } = this.place;
    const reserved = source.rounded(bytes);
    const address = source.take(reserved, stream) ?? this.takeAfterTrim(reserved, stream);
    if (address === undefined) throw this.full(bytes);
    this.live.set(address, reserved);
    this.inUse += reserved;
    this.highest = Math.max(this.highest, this.inUse);
    return { address, bytes };
  }

  free({ address }: Pick<DeviceMemory, "address">): void {
    const reserved = this.live.get(address);
    if (reserved === undefined) {
      throw new Error(
        `cuda: memory at 0x${address.toString(16)} was freed twice or never allocated`,
      );
    }
    this.live.delete(address);
    this.inUse -= reserved;
    this.place.source.giveBack(address, reserved);
  }

  /** Frees everything, and gives it back to the system. */
  dispose(): void {
    for (const address of [...this.live.keys()]) this.free({ address });
    this.place.source.trim();
  }

  /** Freed memory that waits for its kernels, or lies in pieces, becomes whole once the stream is empty. */
  private takeAfterTrim(bytes: number, stream: Handle): number | undefined {
    this.place.source.trim();
    return this.place.source.take(bytes, stream);
  }

  private full(bytes: number): Error {
    const { free, total } = this.place.memory();
    return gpuOutOfMemory(this.place.gpu, { bytes, inUse: this.inUse, free, total });
  }
}
