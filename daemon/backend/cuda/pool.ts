/** The account of device memory, and what happens when the device is full. */
import { gpuOutOfMemory } from "../errors.ts";
import type { Driver, Handle } from "./ffi/index.ts";
import { Kept } from "./kept.ts";
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
  /** Goes before an allocation fails. */
  readonly kept = new Kept();
  private readonly live = new Map<number, number>();
  private inUse = 0;
  private highest = 0;
  /** The most in use since freed memory was last given back to the system: about what the source holds. */
  private highestHeld = 0;

  constructor(private readonly place: PoolPlace) {}

  /** Bytes handed out and not given back. */
  get usedBytes(): number {
    return this.inUse;
  }

  /** The most that was ever in use for the work, without what is {@link kept}. */
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
   * What the work may have together: all but what others took, and what is kept.
   *
   * @param free what the device has left
   */
  roomForWork(free: number): number {
    return free + this.highestHeld - this.kept.bytes;
  }

  /**
   * @param stream whose work will touch the memory first; the pool's own by default
   * @throws backend/gpu-out-of-memory
   */
  allocate(bytes: number, stream = this.place.stream): DeviceMemory {
    const { source } = this.place;
    const reserved = source.rounded(bytes);
    const address =
      source.take(reserved, stream) ??
      this.takeAfterTrim(reserved, stream) ??
      this.takeAfterGivingUp(reserved, stream);
    if (address === undefined) throw this.full(bytes);
    this.live.set(address, reserved);
    this.inUse += reserved;
    this.highest = Math.max(this.highest, this.inUse - this.kept.bytes);
    this.highestHeld = Math.max(this.highestHeld, this.inUse);
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
    this.trim();
  }

  /** Waits for the stream, and gives what nobody uses back to the system. */
  trim(): void {
    this.place.source.trim();
    this.highestHeld = this.inUse;
  }

  /** Freed memory that waits for its kernels, or lies in pieces, becomes whole once the stream is empty. */
  private takeAfterTrim(bytes: number, stream: Handle): number | undefined {
    this.trim();
    return this.place.source.take(bytes, stream);
  }

  private takeAfterGivingUp(bytes: number, stream: Handle): number | undefined {
    while (this.kept.giveUp(bytes)) {
      const address = this.takeAfterTrim(bytes, stream);
      if (address !== undefined) return address;
    }
    return undefined;
  }

  private full(bytes: number): Error {
    const { free, total } = this.place.memory();
    return gpuOutOfMemory(this.place.gpu, { bytes, inUse: this.inUse, free, total });
  }
}
