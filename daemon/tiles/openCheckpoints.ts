/**
 * Checkpoints that are being looked at, kept open for a while: a viewer asks for many tiles of the same one, and the
 * headers of thirty shards are not read for each.
 */
import { stat } from "node:fs/promises";
import { openCheckpoint, type Checkpoint } from "../checkpoint/index.ts";
import { DenoiseError } from "../errors.ts";

const MOST = 8;
const IDLE_MS = 30_000;

interface Entry {
  readonly checkpoint: Checkpoint;
  /** Modification time of the path it was opened by. */
  readonly stamp: number;
  users: number;
  /** No longer handed out; closed when its last user is done. */
  stale: boolean;
  idle: NodeJS.Timeout | undefined;
}

export class OpenCheckpoints {
  readonly #entries = new Map<string, Promise<Entry>>();

  /** @throws those of opening a checkpoint and of `use`. A checkpoint that changed meanwhile is opened again, once. */
  async with<T>(path: string, use: (checkpoint: Checkpoint) => Promise<T>): Promise<T> {
    try {
      return await this.#once(path, use);
    } catch (error) {
      const changed = error instanceof DenoiseError && error.code === "checkpoint/file-changed";
      if (!changed) throw error;
      await this.#drop(path);
      return this.#once(path, use);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#entries.keys()].map((path) => this.#drop(path)));
  }

  async #once<T>(path: string, use: (checkpoint: Checkpoint) => Promise<T>): Promise<T> {
    const entry = await this.#acquire(path);
    try {
      return await use(entry.checkpoint);
    } finally {
      entry.users--;
      this.#rest(path, entry);
    }
  }

  async #acquire(path: string): Promise<Entry> {
    const stamp = await stampOf(path);
    const known = this.#entries.get(path);
    if (known && (await known).stamp !== stamp && this.#entries.get(path) === known) {
      await this.#drop(path);
    }
    let opening = this.#entries.get(path);
    if (opening) this.#entries.delete(path);
    opening ??= this.#open(path, stamp);
    // Newest last: the first is the one to let go.
    this.#entries.set(path, opening);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > MOST && oldest !== undefined) void this.#drop(oldest);
    const entry = await opening;
    // Let go while it was waited for.
    if (entry.stale) return this.#acquire(path);
    entry.users++;
    clearTimeout(entry.idle);
    return entry;
  }

  async #open(path: string, stamp: number): Promise<Entry> {
    try {
      const checkpoint = await openCheckpoint(path);
      return { checkpoint, stamp, users: 0, stale: false, idle: undefined };
    } catch (error) {
      this.#entries.delete(path);
      throw error;
    }
  }

  #rest(path: string, entry: Entry): void {
    if (entry.users > 0) return;
    if (entry.stale) {
      void entry.checkpoint.close();
      return;
    }
    entry.idle = setTimeout(() => void this.#drop(path), IDLE_MS);
    entry.idle.unref();
  }

  async #drop(path: string): Promise<void> {
    const opening = this.#entries.get(path);
    this.#entries.delete(path);
    const entry = await opening?.catch(() => null);
    if (!entry) return;
    clearTimeout(entry.idle);
    entry.stale = true;
    if (entry.users === 0) await entry.checkpoint.close();
  }
}

/** -1 where there is nothing: opening it tells why. */
const stampOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => -1,
  );
