/**
 * The residual stream of all calibration (or evaluation) windows at one layer boundary, `[windows, T, d]` float32 in
 * a file: activations never live on the device or in memory as a whole, only the batch at work does. A file carries
 * its final name only when it is complete and on disk, so that a resumed run can trust it.
 */
import { open, rename, rm, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { outputError, readFully, writeFully } from "../checkpoint/index.ts";

export interface StreamShape {
  readonly windows: number;
  readonly seqLen: number;
  readonly d: number;
}

const floatsPerWindow = (s: StreamShape) => s.seqLen * s.d;
export const streamBytes = (s: StreamShape) => s.windows * floatsPerWindow(s) * 4;

export interface StreamReader {
  readonly shape: StreamShape;
  /** Windows `from … from + count − 1`, `count · T · d` floats. */
  read(from: number, count: number): Promise<Float32Array>;
  close(): Promise<void>;
}

export interface StreamWriter {
  readonly shape: StreamShape;
  /** Comes back before `values` are written; they must not change any more. */
  write(from: number, values: Float32Array): Promise<void>;
}

interface PendingStream extends StreamWriter {
  /** Makes the file durable under its name and readable. */
  commit(): Promise<StreamReader>;
  abort(): Promise<void>;
}

/** `null` if there is no complete file of this shape. */
export async function openStream(path: string, shape: StreamShape): Promise<StreamReader | null> {
  const found = await stat(path).catch(() => null);
  if (found?.size !== streamBytes(shape)) return null;
  return reader(await open(path, "r"), shape);
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
): Promise<StreamReader> {
  const target = await createStream(path, shape);
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
async function createStream(path: string, shape: StreamShape): Promise<PendingStream> {
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
      if (unflushed >= FLUSH_BYTES && !flushing) flush();
    },
    async commit() {
      await writing;
      await flushing;
      await guarded(path, shape, async () => {
        await handle.sync();
        await rename(partial, path);
      });
      return reader(handle, shape);
    },
    async abort() {
      await writing.catch(() => undefined);
      await flushing;
      await handle.close().catch(() => undefined);
      await rm(partial, { force: true });
    },
  };
}

function reader(handle: FileHandle, shape: StreamShape): StreamReader {
  return {
    shape,
    async read(from, count) {
      const values = new Float32Array(count * floatsPerWindow(shape));
      const bytes = new Uint8Array(values.buffer);
      const got = await readFully(handle, bytes, from * floatsPerWindow(shape) * 4);
      if (got < bytes.length) throw new RangeError(`windows ${from}+${count} lie past the stream`);
      return values;
    },
    close: () => handle.close(),
  };
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

/** {@link eachBatch} over a stream; the next batch is read while `work` is at the one before. */
export async function eachStreamed(
  stream: StreamReader,
  perBatch: number,
  signal: AbortSignal,
  work: (values: Float32Array, from: number, count: number) => Promise<void>,
): Promise<void> {
  const { windows } = stream.shape;
  const readAt = (from: number): Promise<Float32Array> | null => {
    if (from >= windows) return null;
    const reading = stream.read(from, Math.min(perBatch, windows - from));
    // Awaited in its turn, or never where the work stops before.
    reading.catch(() => undefined);
    return reading;
  };
  let next = readAt(0);
  try {
    await eachBatch(windows, perBatch, signal, async (from, count) => {
      const values = await next;
      next = readAt(from + count);
      if (values) await work(values, from, count);
    });
  } finally {
    // The file is not closed under a read.
    await next?.catch(() => undefined);
  }
}
