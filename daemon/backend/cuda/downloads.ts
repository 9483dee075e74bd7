/**
 * From the device to host memory through a ring of pinned buffers, on a stream of its own: what is computed meanwhile
 * goes on, and the event loop of the process lives.
 */
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { hostMemoryFull } from "../errors.ts";
import type { Driver, Handle, Native } from "./ffi/index.ts";
import { pinned, type Pinned, type PinnedDriver } from "./pinned.ts";

export type DownloadDriver = PinnedDriver &
  Pick<Driver, "toHost" | "record" | "isDone" | "waitEvent" | "awaitEvent">;

interface Piece {
  readonly slot: Pinned;
  readonly at: number;
  readonly count: number;
}

/** A step's result is there in less: a timer's millisecond would leave the device idle. */
const BUSY_MS = 100;

export class Downloads {
  private readonly slots: Pinned[] = [];
  /** For {@link copyNow}: the ring may be in use by reads under way. */
  private own: Pinned | undefined;
  /** One read at a time: the stream does them in order anyway, and the ring is theirs in turn. */
  private tail: Promise<void> = Promise.resolve();

  constructor(
    private readonly driver: DownloadDriver,
    private readonly native: Pick<Native, "view">,
    private readonly stream: Handle,
    private readonly size: { readonly slots: number; readonly slotBytes: number },
  ) {}

  /**
   * @param ready event after which the source may be read; the source must stay until the promise settles
   * @throws backend/host-memory where not one buffer of the ring is to be had
   */
  async copy(source: number, target: Uint8Array, ready: Handle): Promise<void> {
    const mine = this.tail.then(() => this.transfer(source, target, ready));
    this.tail = mine.catch(() => undefined);
    await mine;
  }

  /** Straight into page-locked memory at `host`. */
  async direct(source: number, host: number, bytes: number, ready: Handle): Promise<void> {
    this.driver.waitEvent(this.stream, ready);
    this.driver.toHost(host, source, bytes, this.stream);
    const done = this.driver.createEvent(false);
    this.driver.record(done, this.stream);
    await whenDone(this.driver, done);
    this.driver.destroyEvent(done);
  }

  /** The same, holding the event loop until it is done. */
  copyNow(source: number, target: Uint8Array, ready: Handle): void {
    this.own ??= pinned(this.driver, this.native, this.size.slotBytes);
    if (this.own === undefined) throw hostMemoryFull(this.size.slotBytes);
    const slot = this.own;
    this.driver.waitEvent(this.stream, ready);
    for (let at = 0; at < target.length; at += slot.bytes.length) {
      const count = Math.min(slot.bytes.length, target.length - at);
      this.driver.toHost(slot.address, source + at, count, this.stream);
      this.driver.record(slot.event, this.stream);
      this.driver.awaitEvent(slot.event);
      target.set(slot.bytes.subarray(0, count), at);
    }
  }

  dispose(): void {
    for (const slot of this.slots) slot.release();
    this.own?.release();
    this.slots.length = 0;
  }

  private async transfer(source: number, target: Uint8Array, ready: Handle): Promise<void> {
    this.driver.waitEvent(this.stream, ready);
    const free = [...this.slots];
    const underWay: Piece[] = [];
    for (let at = 0; at < target.length; at += this.size.slotBytes) {
      const slot = free.pop() ?? this.another() ?? (await this.collect(underWay, target));
      const count = Math.min(this.size.slotBytes, target.length - at);
      this.driver.toHost(slot.address, source + at, count, this.stream);
      this.driver.record(slot.event, this.stream);
      underWay.push({ slot, at, count });
    }
    while (underWay.length > 0) await this.collect(underWay, target);
  }

  /** One more buffer for the ring, if it may have one and the machine gives one: with fewer it is slower. */
  private another(): Pinned | undefined {
    if (this.slots.length === this.size.slots) return undefined;
    const made = pinned(this.driver, this.native, this.size.slotBytes);
    if (made) this.slots.push(made);
    return made;
  }

  /** Takes the oldest piece over; its buffer is free then. */
  private async collect(underWay: Piece[], target: Uint8Array): Promise<Pinned> {
    const piece = underWay.shift();
    if (piece === undefined) throw hostMemoryFull(this.size.slotBytes);
    await whenDone(this.driver, piece.slot.event);
    // Given back meanwhile, its memory is the system's.
    if (!this.slots.includes(piece.slot)) throw new Error("cuda: a read was under way at the end");
    target.set(piece.slot.bytes.subarray(0, piece.count), piece.at);
    return piece.slot;
  }
}

/** Asks again and again, giving the event loop its turn in between. */
export async function whenDone(driver: Pick<Driver, "isDone">, event: Handle): Promise<void> {
  const busyUntil = performance.now() + BUSY_MS;
  while (!driver.isDone(event)) await (performance.now() < busyUntil ? nextTurn() : sleep(1));
}
