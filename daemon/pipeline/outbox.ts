/**
 * Batches on their way from the device into a stream's file, in order: each is copied into one of a few arrays on the
 * host and written from there, while the device goes on.
 */
import type * as tf from "@tensorflow/tfjs-core";
import { batchesInFlight, hostArray, readInto, type HostArray } from "../backend/index.ts";

export interface OutboxTarget {
  /** Comes back when the values before these are written: `values` must not change until then. */
  write(from: number, values: Float32Array): Promise<void>;
  /** All values are written. */
  written(): Promise<void>;
}

export class Outbox {
  private readonly arrays: HostArray[] = [];
  /** Of every batch so far: settles when its values are being written and those before it are. */
  private readonly sent: Promise<void>[] = [];
  private stopped = false;

  /** @param elements of the largest batch */
  constructor(
    private readonly target: OutboxTarget,
    private readonly elements: number,
  ) {}

  /**
   * Takes `out` over.
   *
   * @returns settles when its values are written, if {@link OutboxTarget.written} is waited for as well
   */
  send(from: number, out: tf.Tensor): Promise<void> {
    const inFlight = batchesInFlight();
    const k = this.sent.length;
    // One more than are copied at a time: the oldest is still being written.
    const array = (this.arrays[k % (inFlight + 1)] ??= hostArray(this.elements));
    const values = array.values.subarray(0, out.size);
    const before = this.sent[k - 1];
    const free = this.sent[k - inFlight];
    const sending = this.deliver(from, out, values, before, free);
    // Told to whoever waits for it, and to all that come after it.
    sending.catch(() => undefined);
    this.sent.push(sending);
    return sending;
  }

  /** What is not being copied yet fails. */
  stop(): void {
    this.stopped = true;
  }

  /** Waits for all; the arrays are given back then. Nothing can be sent any more. */
  async end(): Promise<void> {
    try {
      await Promise.all(this.sent);
      await this.target.written();
    } finally {
      // Nothing is given back under a copy or a write.
      await Promise.allSettled(this.sent);
      await this.target.written().catch(() => undefined);
      for (const array of this.arrays.splice(0)) array.release();
    }
  }

  private async deliver(
    from: number,
    out: tf.Tensor,
    values: Float32Array,
    before: Promise<void> | undefined,
    free: Promise<void> | undefined,
  ): Promise<void> {
    try {
      if (free) await free;
      if (this.stopped) throw new Error("the stream was given up");
      await readInto(out, values);
    } finally {
      out.dispose();
    }
    await before;
    await this.target.write(from, values);
  }
}
