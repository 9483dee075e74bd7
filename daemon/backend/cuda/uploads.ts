/**
 * From host memory to the device through a ring of pinned buffers: the copy to pinned memory is the processor's, the
 * rest is the device's own, and the caller's array is free as soon as the call returns.
 */
import { hostMemoryFull } from "../errors.ts";
import type { Driver, Handle, Native } from "./ffi/index.ts";
import { pinned, type Pinned, type PinnedDriver } from "./pinned.ts";

export type UploadDriver = PinnedDriver & Pick<Driver, "toDevice" | "record" | "awaitEvent">;

interface Slot extends Pinned {
  used: number;
  /** Its copies are queued and its event recorded. */
  pending: boolean;
}

const ALIGNMENT = 64;

export class Uploads {
  private readonly slots: Slot[] = [];
  private current = 0;

  constructor(
    private readonly driver: UploadDriver,
    private readonly native: Pick<Native, "view">,
    readonly stream: Handle,
    private readonly size: { readonly slots: number; readonly slotBytes: number },
  ) {}

  /** Queues the copy. Waits only while the whole ring is still under way. */
  copy(bytes: Uint8Array, target: number): void {
    for (let at = 0; at < bytes.length;) {
      const slot = this.slotWithRoom();
      const count = Math.min(bytes.length - at, this.size.slotBytes - slot.used);
      slot.bytes.set(bytes.subarray(at, at + count), slot.used);
      this.driver.toDevice(target + at, slot.address + slot.used, count, this.stream);
      slot.used += Math.ceil(count / ALIGNMENT) * ALIGNMENT;
      at += count;
      if (slot.used >= this.size.slotBytes) this.close(slot);
    }
  }

  dispose(): void {
    for (const slot of this.slots) slot.release();
    this.slots.length = 0;
  }

  private slotWithRoom(): Slot {
    const slot = this.slots[this.current] ?? this.addSlot();
    if (!slot.pending) return slot;
    this.driver.awaitEvent(slot.event);
    slot.pending = false;
    slot.used = 0;
    return slot;
  }

  private close(slot: Slot): void {
    this.driver.record(slot.event, this.stream);
    slot.pending = true;
    this.current = (this.current + 1) % this.size.slots;
  }

  /** @throws backend/host-memory where not even one is to be had; with fewer than wished the ring is smaller */
  private addSlot(): Slot {
    const memory = pinned(this.driver, this.native, this.size.slotBytes);
    if (memory === undefined) {
      const [first] = this.slots;
      if (first === undefined) throw hostMemoryFull(this.size.slotBytes);
      this.current = 0;
      return first;
    }
    const slot = { ...memory, used: 0, pending: false };
    this.slots.push(slot);
    return slot;
  }
}
