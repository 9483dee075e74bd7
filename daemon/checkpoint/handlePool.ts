/**
 * File handles by path: opened when first used, the least recently used closed when there are too many. A model of
 * two hundred shards needs no more descriptors than one of two.
 */

import type { FileHandle } from "node:fs/promises";

interface Slot {
  readonly handle: Promise<FileHandle>;
  users: number;
}

export class HandlePool {
  /** Least recently used first (a Map keeps insertion order). */
  readonly #slots = new Map<string, Slot>();
  readonly #waiting: (() => void)[] = [];
  #active = 0;
  #closed = false;

  /**
   * @param opener opens a path; its error is what {@link use} rejects with
   * @param capacity most handles open, and most uses running, at any time
   */
  constructor(
    private readonly opener: (path: string) => Promise<FileHandle>,
    private readonly capacity = 16,
  ) {}

  get closed(): boolean {
    return this.#closed;
  }

  /** Runs `action` with the open file; the handle is not closed meanwhile, except by {@link close}. */
  async use<T>(path: string, action: (handle: FileHandle) => Promise<T>): Promise<T> {
    // A finished use hands its turn over directly, so `#active` never exceeds the capacity.
    if (this.#active < this.capacity) this.#active++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      const slot = this.#slot(path);
      slot.users++;
      try {
        return await action(await slot.handle);
      } finally {
        slot.users--;
      }
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#active--;
    }
  }

  /** Closes every handle; running reads and writes of the system finish first. */
  async close(): Promise<void> {
    this.#closed = true;
    const slots = [...this.#slots.values()];
    this.#slots.clear();
    await Promise.all(slots.map(closeSlot));
  }

  #slot(path: string): Slot {
    const existing = this.#slots.get(path);
    this.#slots.delete(path);
    const slot = existing ?? { handle: this.#open(path), users: 0 };
    this.#slots.set(path, slot);
    return slot;
  }

  #open(path: string): Promise<FileHandle> {
    if (this.#closed) return Promise.reject(new Error("closed"));
    const handle = this.#evict().then(() => this.opener(path));
    // A path that could not be opened is tried anew the next time.
    handle.catch(() => {
      if (this.#slots.get(path)?.handle === handle) this.#slots.delete(path);
    });
    return handle;
  }

  /** With fewer uses running than slots, one slot is idle whenever the pool is full. */
  async #evict(): Promise<void> {
    if (this.#slots.size < this.capacity) return;
    for (const [path, slot] of this.#slots) {
      if (slot.users > 0) continue;
      this.#slots.delete(path);
      await closeSlot(slot);
      return;
    }
  }
}

async function closeSlot(slot: Slot): Promise<void> {
  const handle = await slot.handle.catch(() => null);
  await handle?.close();
}
