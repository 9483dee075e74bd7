/**
 * A pass over a stream, batch by batch: from the device where that has kept them, else from the file, the next batch
 * being read while the work is at the one before.
 */
import * as tf from "@tensorflow/tfjs-core";
import { gpuCount, hostArray, onGpu, uploaded, type HostArray } from "../backend/index.ts";
import type { StreamReader } from "./activations.ts";
import { eachBatch } from "./batches.ts";

export interface StreamPass {
  readonly perBatch: number;
  readonly signal: AbortSignal;
  /** Bytes of the device that the work itself needs: batches are kept in what there is beyond. */
  readonly leave: number;
  /** Nobody reads the stream after this pass: what the device has of it goes batch by batch. */
  readonly last?: boolean;
}

export interface StreamBatch {
  /** `[windows, T, d]`, on its GPU; disposed when the work is done with it. */
  readonly x: tf.Tensor3D;
  /** Which GPU computes it: they take turns, so that a batch comes to the same one in every pass. */
  readonly gpu: number;
  /** Its first window. */
  readonly from: number;
  readonly count: number;
}

export async function eachStreamed(
  stream: StreamReader,
  { perBatch, signal, leave, last = false }: StreamPass,
  work: (batch: StreamBatch) => Promise<void>,
): Promise<void> {
  const { windows, seqLen, d } = stream.shape;
  const countAt = (from: number) => Math.min(perBatch, windows - from);
  const arrays = new ReadingArrays(countAt(0) * seqLen * d);
  const read = (from: number): Reading => {
    const array = arrays.next();
    const values = array.free.then(() => stream.read(from, countAt(from), array.host.values));
    // Awaited in its turn, or never where the work stops before.
    values.catch(() => undefined);
    return { array, values };
  };
  const readAhead = (from: number) =>
    from < windows && !stream.kept.has(from) ? read(from) : null;
  let ahead = readAhead(0);
  try {
    await eachBatch(windows, perBatch, signal, async (from, count) => {
      const gpu = (from / perBatch) % gpuCount();
      const shape: [number, number, number] = [count, seqLen, d];
      let reading = ahead;
      ahead = null;
      let x = reading ? null : keptBatch(stream, from, shape);
      reading ??= x ? null : read(from);
      const values = await reading?.values;
      ahead = readAhead(from + count);
      x ??= onGpu(gpu, () => tf.tensor3d(values ?? new Float32Array(), shape));
      if (last) stream.kept.drop(from);
      else if (reading) stream.kept.keep(from, x, leave);
      try {
        await work({ x, gpu, from, count });
      } finally {
        x.dispose();
      }
      if (reading) reading.array.free = leftHost();
    });
  } finally {
    // The file is not closed, and no array given back, under a read or a copy.
    await Promise.allSettled([ahead?.values, uploaded()]);
    arrays.release();
  }
}

/** Undefined where the device does not have it, or in other batches. */
function keptBatch(
  { kept }: StreamReader,
  from: number,
  shape: readonly number[],
): tf.Tensor3D | null {
  const x = kept.get(from);
  if (x === undefined || tf.util.arraysEqual(x.shape, [...shape])) return x ?? null;
  x.dispose();
  return null;
}

function leftHost(): Promise<void> {
  const left = uploaded();
  // A device that failed tells so to the next read.
  left.catch(() => undefined);
  return left;
}

interface ReadingArray {
  readonly host: HostArray;
  free: Promise<void>;
}

interface Reading {
  readonly array: ReadingArray;
  readonly values: Promise<Float32Array>;
}

/** Arrays that batches are read into by turns: one at work, one leaving for the device, one being filled. */
class ReadingArrays {
  private readonly arrays: ReadingArray[] = [];
  private used = 0;

  constructor(private readonly elements: number) {}

  next(): ReadingArray {
    const at = this.used++ % 3;
    return (this.arrays[at] ??= { host: hostArray(this.elements), free: Promise.resolve() });
  }

  release(): void {
    for (const { host } of this.arrays.splice(0)) host.release();
  }
}
