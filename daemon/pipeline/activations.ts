/**
 * The residual stream of all calibration (or evaluation) windows at one layer boundary, `[windows, T, d]` float32 in
 * a file: activations never live on the device or in memory as a whole, only the batch at work does. A file carries
 * its final name only when it is complete and on disk, so that a resumed run can trust it. It can be read before: the
 * disk takes longer over some gigabytes than a GPU over a layer.
 */
import { open, rename, rm, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { hostArray, uploaded, type HostArray } from "../backend/index.ts";
import { expectArray, outputError, readFully, writeFully } from "../checkpoint/index.ts";

export interface StreamShape {
  readonly windows: number;
  readonly seqLen: number;
  readonly d: number;
}

const floatsPerWindow = (s: StreamShape) => s.seqLen * s.d;
export const streamBytes = (s: StreamShape) => s.windows * floatsPerWindow(s) * 4;

export interface StreamReader {
  readonly shape: StreamShape;
  /**
   * Windows `from … from + count − 1`, `count · T · d` floats.
   * @param into where to; at least that many, of which the first are returned. A new array by default
   */
  read(from: number, count: number, into?: Float32Array): Promise<Float32Array>;
  /** The file is on disk under its name. Rejects with checkpoint/disk-full and its kin. */
  readonly durable: Promise<void>;
  /** Waits for {@link durable}, but does not tell its failure. */
  close(): Promise<void>;
}

export interface StreamWriter {
  readonly shape: StreamShape;
  /** Comes back when the values before these are written: `values` must not change until then. */
  write(from: number, values: Float32Array): Promise<void>;
  /** All values are written. */
  written(): Promise<void>;
}

interface PendingStream extends StreamWriter {
  /** Makes the file readable, and in the background durable under its name. */
  commit(): Promise<StreamReader>;
  abort(): Promise<void>;
}

/** `null` if there is no complete file of this shape. */
export async function openStream(path: string, shape: StreamShape): Promise<StreamReader | null> {
  const found = await stat(path).catch(() => null);
  if (found?.size !== streamBytes(shape)) return null;
  return reader(await open(path, "r"), shape, Promise.resolve());
}

export interface StreamOptions {
  /** Nobody resumes from it: it need not outlive the machine's power. Default false. */
  readonly scratch?: boolean;
}

/**
 * Writes a stream whole or not at all: `work` fills it, then it is made durable under its name.
 * @returns the finished stream, open for reading
 * @throws checkpoint/disk-full and its kin
 */
export async function writeStream(
  path: string,
  shape: StreamShape,
  work: (target: StreamWriter) => Promise<void>,
  options: StreamOptions = {},
): Promise<StreamReader> {
  const target = await createStream(path, shape, options);
  try {
    await work(target);
    return await target.commit();
  } catch (error) {
    await target.abort();
    throw error;
  }
}

/** Bytes after which what was written so far is flushed, beside the work, so that the end need not wait for all of it. */
const FLUSH_BYTES = 256 << 20;

/** The caller commits or aborts it. */
async function createStream(
  path: string,
  shape: StreamShape,
  { scratch = false }: StreamOptions,
): Promise<PendingStream> {
  const partial = `${path}.partial`;
  const handle = await guarded(path, shape, () => open(partial, "w+"));
  /** The write under way, and the flush; one of each, so that the machine computes meanwhile. */
  let writing: Promise<void> = Promise.resolve();
  let flushing: Promise<void> | null = null;
  let unflushed = 0;
  const flush = () => {
    unflushed = 0;
    flushing = handle.datasync().then(
      () => {
        flushing = null;
      },
      // What failed to reach the disk fails again when the file is committed.
      () => {
        flushing = null;
      },
    );
  };
  return {
    shape,
    async write(from, values) {
      await writing;
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      const at = from * floatsPerWindow(shape) * 4;
      writing = guarded(path, shape, () => writeFully(handle, bytes, at));
      // Its error is the next caller's; until there is one it is not unhandled.
      writing.catch(() => undefined);
      unflushed += bytes.byteLength;
      if (!scratch && unflushed >= FLUSH_BYTES && !flushing) flush();
    },
    written: () => writing,
    async commit() {
      await writing;
      const durable = guarded(path, shape, async () => {
        await flushing;
        if (!scratch) await handle.sync();
        await rename(partial, path);
      });
      // Its failure is told to whoever waits for it, when he does.
      durable.catch(() => undefined);
      if (scratch) await durable;
      return reader(handle, shape, durable);
    },
    async abort() {
      await writing.catch(() => undefined);
      await flushing;
      await handle.close().catch(() => undefined);
      await rm(partial, { force: true });
    },
  };
}

function reader(handle: FileHandle, shape: StreamShape, durable: Promise<void>): StreamReader {
  return {
    shape,
    durable,
    async read(from, count, into) {
      const length = count * floatsPerWindow(shape);
      const values = into?.subarray(0, length) ?? newArray(length);
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      const got = await readFully(handle, bytes, from * floatsPerWindow(shape) * 4);
      if (got < bytes.length) throw new RangeError(`windows ${from}+${count} lie past the stream`);
      return values;
    },
    async close() {
      await durable.catch(() => undefined);
      await handle.close();
    },
  };
}

function newArray(length: number): Float32Array {
  expectArray(4 * length);
  return new Float32Array(length);
}

async function guarded<T>(path: string, shape: StreamShape, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw outputError(path, streamBytes(shape), error);
  }
}

/**
 * Windows of a batch: as many as keep the largest intermediate (FFN hidden state, or the scores of one block of
 * queries) within 8 MiB. A function of the shapes alone, so that a resumed run repeats the same arithmetic.
 */
export function windowsPerBatch(shape: {
  seqLen: number;
  ffn: number;
  d: number;
  heads: number;
}): number {
  const hidden = shape.seqLen * Math.max(shape.ffn, shape.d);
  const scores = shape.heads * Math.min(shape.seqLen, 256) * shape.seqLen;
  return Math.max(1, Math.floor((2 << 20) / Math.max(hidden, scores)));
}

/** Calls `work` for each batch of windows, with a turn of the event loop between so that a cancel is seen. */
export async function eachBatch(
  windows: number,
  perBatch: number,
  signal: AbortSignal,
  work: (from: number, count: number) => Promise<void>,
): Promise<void> {
  for (let from = 0; from < windows; from += perBatch) {
    await new Promise(setImmediate);
    signal.throwIfAborted();
    await work(from, Math.min(perBatch, windows - from));
  }
}

/** Arrays that batches are read into by turns: one at work, one leaving for the device, one being filled. */
const ARRAYS = 3;

/**
 * {@link eachBatch} over a stream; the next batch is read while `work` is at the one before. `values` are the batch's
 * only until `work` is done with it, and so are tensors made of them.
 */
export async function eachStreamed(
  stream: StreamReader,
  perBatch: number,
  signal: AbortSignal,
  work: (values: Float32Array, from: number, count: number) => Promise<void>,
): Promise<void> {
  const { windows } = stream.shape;
  const length = Math.min(perBatch, windows) * floatsPerWindow(stream.shape);
  const arrays: { readonly host: HostArray; free: Promise<void> }[] = [];
  const arrayOf = (from: number) => arrays[(from / perBatch) % ARRAYS];
  const readAt = (from: number): Promise<Float32Array> | null => {
    const array = arrayOf(from);
    if (from >= windows || !array) return null;
    const reading = array.free.then(() =>
      stream.read(from, Math.min(perBatch, windows - from), array.host.values),
    );
    // Awaited in its turn, or never where the work stops before.
    reading.catch(() => undefined);
    return reading;
  };
  let next: Promise<Float32Array> | null = null;
  try {
    for (let i = 0; i < ARRAYS; i++) {
      arrays.push({ host: hostArray(length), free: Promise.resolve() });
    }
    next = readAt(0);
    await eachBatch(windows, perBatch, signal, async (from, count) => {
      const values = await next;
      next = readAt(from + count);
      if (values) await work(values, from, count);
      const array = arrayOf(from);
      if (!array) return;
      array.free = uploaded();
      // A device that failed tells so to the next read.
      array.free.catch(() => undefined);
    });
  } finally {
    // The file is not closed, and no array given back, under a read or a copy.
    await Promise.allSettled([next, uploaded()]);
    for (const { host } of arrays) host.release();
  }
}
