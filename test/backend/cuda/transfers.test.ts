/** Copies between host and device through rings of pinned buffers: nothing lost, nothing written over. */
import { describe, expect, test } from "vitest";
import { Downloads } from "../../../daemon/backend/cuda/downloads.ts";
import type { Native } from "../../../daemon/backend/cuda/ffi/index.ts";
import { Uploads } from "../../../daemon/backend/cuda/uploads.ts";

/**
 * A device whose copies happen as late as they may: when an event after them is waited for, or found done at the
 * third asking. A pinned buffer that is written to too early therefore arrives wrong.
 */
class LazyDevice {
  readonly memory = new Uint8Array(1 << 16);
  readonly host = new Map<number, Uint8Array>();
  pinnedBytes = 0;
  private readonly queue: (() => void)[] = [];
  private readonly recorded = new Map<number, { until: number; asked: number }>();
  private done = 0;
  private next = 1;

  readonly native: Pick<Native, "view"> = {
    view: (address) => this.buffer(address).bytes.buffer as ArrayBuffer,
  };

  /** How many more page-locked buffers there are. */
  buffersLeft = Infinity;

  allocateHost(bytes: number): number | undefined {
    if (this.buffersLeft-- <= 0) return undefined;
    const address = this.next++ * 0x10_0000;
    this.host.set(address, new Uint8Array(bytes));
    this.pinnedBytes += bytes;
    return address;
  }
  freeHost(address: number): void {
    this.pinnedBytes -= this.buffer(address).bytes.length;
    this.host.delete(address);
  }
  createEvent(): number {
    return this.next++;
  }
  destroyEvent(event: number): void {
    this.recorded.delete(event);
  }
  toDevice(target: number, hostAddress: number, bytes: number): void {
    this.queue.push(() => {
      const { bytes: from, at } = this.buffer(hostAddress);
      this.memory.set(from.subarray(at, at + bytes), target);
    });
  }
  toHost(hostAddress: number, source: number, bytes: number): void {
    this.queue.push(() => {
      const { bytes: to, at } = this.buffer(hostAddress);
      to.set(this.memory.subarray(source, source + bytes), at);
    });
  }
  record(event: number): void {
    this.recorded.set(event, { until: this.queue.length, asked: 0 });
  }
  waitEvent(): void {
    // One queue: later work waits anyway.
  }
  awaitEvent(event: number): void {
    this.runUntil(this.recorded.get(event)?.until ?? 0);
  }
  isDone(event: number): boolean {
    const record = this.recorded.get(event);
    if (record === undefined || record.asked++ < 2) return false;
    this.runUntil(record.until);
    return true;
  }
  finish(): void {
    this.runUntil(this.queue.length);
  }

  private runUntil(end: number): void {
    for (; this.done < end; this.done++) this.queue[this.done]?.();
  }
  private buffer(address: number): { bytes: Uint8Array; at: number } {
    const start = address - (address % 0x10_0000);
    const bytes = this.host.get(start);
    if (!bytes) throw new Error("not pinned");
    return { bytes, at: address - start };
  }
}

const counted = (length: number, from = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (from + i * 7) % 251);

const ringOf = (device: LazyDevice) =>
  new Downloads(device, device.native, 2, { slots: 2, slotBytes: 256 });

describe("with little page-locked memory", () => {
  test.each([1, 2])("%i buffer(s) of the ring do as well", async (buffers) => {
    const device = new LazyDevice();
    device.buffersLeft = buffers;
    const uploads = new Uploads(device, device.native, 1, { slots: 3, slotBytes: 256 });
    for (const at of [0, 2000]) uploads.copy(counted(2000, at), at);
    device.finish();
    expect(device.memory.subarray(0, 2000)).toEqual(counted(2000));
    expect(device.memory.subarray(2000, 4000)).toEqual(counted(2000, 2000));
    device.buffersLeft = buffers;
    const target = new Uint8Array(2000);
    await ringOf(device).copy(0, target, 0);
    expect(target).toEqual(counted(2000));
  });

  test("with none that is said", async () => {
    const device = new LazyDevice();
    device.buffersLeft = 0;
    const full = expect.objectContaining({ code: "backend/host-memory" }) as Error;
    const uploads = new Uploads(device, device.native, 1, { slots: 3, slotBytes: 256 });
    expect(() => {
      uploads.copy(counted(10), 0);
    }).toThrow(full);
    await expect(ringOf(device).copy(0, new Uint8Array(10), 0)).rejects.toEqual(full);
    expect(() => {
      ringOf(device).copyNow(0, new Uint8Array(10), 0);
    }).toThrow(full);
  });
});

describe("uploads", () => {
  test.each([1, 63, 64, 65, 256, 300, 5000])("%i bytes arrive whole", (length) => {
    const device = new LazyDevice();
    const uploads = new Uploads(device, device.native, 1, { slots: 3, slotBytes: 256 });
    uploads.copy(counted(length), 128);
    device.finish();
    expect(device.memory.subarray(128, 128 + length)).toEqual(counted(length));
  });

  test("the caller's array may change at once, and many small ones share the ring", () => {
    const device = new LazyDevice();
    const uploads = new Uploads(device, device.native, 1, { slots: 2, slotBytes: 256 });
    const scratch = new Uint8Array(40);
    for (let i = 0; i < 100; i++) {
      scratch.fill(i);
      uploads.copy(scratch, 64 * i);
    }
    scratch.fill(255);
    device.finish();
    for (let i = 0; i < 100; i++) {
      expect(device.memory.subarray(64 * i, 64 * i + 40).every((value) => value === i)).toBe(true);
    }
  });

  test("pinned memory is bounded, and given back", () => {
    const device = new LazyDevice();
    const uploads = new Uploads(device, device.native, 1, { slots: 3, slotBytes: 256 });
    uploads.copy(counted(10_000), 0);
    expect(device.pinnedBytes).toBe(3 * 256);
    device.finish();
    uploads.dispose();
    expect(device.pinnedBytes).toBe(0);
  });
});

describe("downloads", () => {
  test.each([1, 255, 256, 257, 512, 5000])("%i bytes arrive whole", async (length) => {
    const device = new LazyDevice();
    device.memory.set(counted(length), 64);
    const target = new Uint8Array(length);
    await ringOf(device).copy(64, target, 0);
    expect(target).toEqual(counted(length));
  });

  test("reads at the same time get their own bytes", async () => {
    const device = new LazyDevice();
    const downloads = ringOf(device);
    const targets = Array.from({ length: 8 }, (_, i) => {
      device.memory.set(counted(900, i), 1000 * i);
      return new Uint8Array(900);
    });
    await Promise.all(targets.map((target, i) => downloads.copy(1000 * i, target, 0)));
    targets.forEach((target, i) => {
      expect(target).toEqual(counted(900, i));
    });
  });

  test("the event loop turns while the device works", async () => {
    const device = new LazyDevice();
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    await ringOf(device).copy(0, new Uint8Array(10), 0);
    expect(turned).toBe(true);
  });

  test("one that fails does not take the next along", async () => {
    const device = new LazyDevice();
    const downloads = ringOf(device);
    const isDone = device.isDone.bind(device);
    device.isDone = () => {
      device.isDone = isDone;
      throw new Error("lost");
    };
    const target = new Uint8Array(10);
    device.memory.set(counted(10), 0);
    const [first, second] = await Promise.allSettled([
      downloads.copy(0, new Uint8Array(10), 0),
      downloads.copy(0, target, 0),
    ]);
    expect([first.status, second.status]).toEqual(["rejected", "fulfilled"]);
    expect(target).toEqual(counted(10));
  });

  test("waiting for one leaves those under way alone", async () => {
    const device = new LazyDevice();
    const downloads = ringOf(device);
    device.memory.set(counted(2000), 0);
    const [slow, now] = [new Uint8Array(2000), new Uint8Array(700)];
    const reading = downloads.copy(0, slow, 0);
    downloads.copyNow(100, now, 0);
    await reading;
    expect(slow).toEqual(counted(2000));
    expect(now).toEqual(counted(2000).subarray(100, 800));
    downloads.dispose();
    expect(device.pinnedBytes).toBe(0);
  });
});
