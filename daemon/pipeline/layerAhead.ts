/**
 * The matrices of the next layer, read from the checkpoint while the device is at this one. Only for devices that decode
 * them in memory of their own: their bytes lie where the device copies from, in arrays that every layer uses again.
 */
import {
  halfFormat,
  hasHalfKernels,
  hasOwnMemory,
  hostArray,
  uploaded,
  type HostArray,
} from "../backend/index.ts";
import type { Checkpoint } from "../checkpoint/index.ts";
import { storedMatrices, type Model } from "../model/index.ts";

interface Ahead {
  readonly index: number;
  readonly bytes: ReadonlyMap<string, Promise<Uint8Array<ArrayBuffer>>>;
  /** Settles when no array is filled any more. */
  readonly over: Promise<unknown>;
  stopped: boolean;
}

export class LayerAhead {
  private readonly arrays: HostArray[] = [];
  private ahead: Ahead | null = null;

  constructor(private readonly model: Model) {}

  /**
   * Begins to read layer `i`; what was read before is given up. Failures are told to whoever asks for the bytes.
   *
   * @param i nothing happens where there is no such layer
   */
  begin(i: number): void {
    const { checkpoint, config } = this.model;
    if (i >= config.layers || this.ahead?.index === i) return;
    if (!(hasHalfKernels() && hasOwnMemory())) return;
    const before = this.ahead;
    if (before) before.stopped = true;
    const bytes = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();
    // No array is filled under a read or a copy to the device.
    let last: Promise<unknown> = Promise.allSettled([before?.over, uploaded()]);
    const ahead: Ahead = {
      index: i,
      bytes,
      stopped: false,
      get over() {
        return last.catch(() => undefined);
      },
    };
    for (const [k, { name }] of storedMatrices(config, i).entries()) {
      const entry = checkpoint.tensors.get(name);
      if (!entry || !halfFormat(entry.dtype)) continue;
      const reading = last.then(() => {
        if (ahead.stopped) throw new Error("another layer was asked for");
        return checkpoint.readInto(name, this.array(k, entry.bytes), 0);
      });
      reading.catch(() => undefined);
      bytes.set(name, reading);
      last = reading;
    }
    this.ahead = ahead;
  }

  /** To read layer `i` from: answers from memory what was read ahead, if it was this layer. */
  checkpointFor(i: number): Checkpoint {
    const { checkpoint } = this.model;
    if (this.ahead?.index !== i) return checkpoint;
    const { bytes } = this.ahead;
    const { root, files, tensors, metadata, config, notes } = checkpoint;
    return {
      ...{ root, files, tensors, metadata, config, notes },
      async readBytes(name, start, end) {
        const whole = await bytes.get(name);
        return whole?.subarray(start, end) ?? checkpoint.readBytes(name, start, end);
      },
      readInto: (name, target, start) => checkpoint.readInto(name, target, start),
      readFloats: (name, rows) => checkpoint.readFloats(name, rows),
      close: () => checkpoint.close(),
    };
  }

  /** What was read goes when the device has what it copies of it. */
  async dispose(): Promise<void> {
    const { ahead } = this;
    this.ahead = null;
    if (ahead) ahead.stopped = true;
    await Promise.allSettled([ahead?.over, uploaded()]);
    for (const array of this.arrays.splice(0)) array.release();
  }

  /** The `k`-th array, of at least so many bytes; as many of it. */
  private array(k: number, bytes: number): Uint8Array<ArrayBuffer> {
    let array = this.arrays[k];
    if (array === undefined || array.values.byteLength < bytes) {
      array?.release();
      array = hostArray(Math.ceil(bytes / Float32Array.BYTES_PER_ELEMENT));
      this.arrays[k] = array;
    }
    return new Uint8Array(array.values.buffer as ArrayBuffer, array.values.byteOffset, bytes);
  }
}
