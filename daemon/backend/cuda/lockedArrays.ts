/** Page-locked arrays that are in use: all GPUs copy from and to them by themselves. */
import type { HostArray } from "../hostArrays.ts";
import type { CudaDevice } from "./device.ts";
import type { Pinned } from "./pinned.ts";

export class LockedArrays {
  private readonly inUse = new Map<ArrayBufferLike, Pinned>();

  /** @param owner whose driver calls make and free them */
  constructor(private readonly owner: CudaDevice) {}

  make(elements: number): HostArray {
    const bytes = elements * Float32Array.BYTES_PER_ELEMENT;
    const memory = bytes === 0 ? undefined : this.owner.transfers.hostMemory(bytes);
    // What is not page-locked goes through the rings: slower, and as right.
    if (memory === undefined) {
      return { values: new Float32Array(elements), release: () => undefined };
    }
    const { buffer } = memory.bytes;
    this.inUse.set(buffer, memory);
    return {
      values: new Float32Array(buffer, 0, elements),
      release: () => {
        if (this.inUse.delete(buffer)) this.owner.transfers.releaseHost(memory);
      },
    };
  }

  /** Where these bytes lie, if in page-locked memory. */
  addressOf({ buffer, byteOffset }: Uint8Array): number | undefined {
    const memory = this.inUse.get(buffer);
    return memory && memory.address + byteOffset;
  }

  dispose(): void {
    for (const memory of this.inUse.values()) this.owner.transfers.releaseHost(memory);
    this.inUse.clear();
  }
}
