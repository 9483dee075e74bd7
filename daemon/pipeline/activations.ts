/**
 * The residual stream of all calibration (or evaluation) windows at one layer boundary, `[windows, T, d]` float32 in
 * a file: what memory and device must hold is the batch at work. A device with room keeps batches beside the file. A
 * file carries its final name only when it is complete and on disk, so that a resumed run can trust it. It can be read
 * before: the disk takes longer over some gigabytes than a GPU over a layer.
 */
import type * as tf from "@tensorflow/tfjs-core";
import { open, rename, rm, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { ResidentTensors } from "../backend/index.ts";
import { expectArray, outputError, readFully, writeFully } from "../checkpoint/index.ts";
import { Outbox } from "./outbox.ts";

export interface StreamShape {
  readonly windows: number;
  readonly seqLen: number;
  readonly d: number;
}

const floatsPerWindow = (s: StreamShape) => s.seqLen * s.d;
export const streamBytes = (s: StreamShape) => s.windows * floatsPerWindow(s) * 4;

export interface StreamReader {
  readonly shape: StreamShape;
  /** Batches that the device has, by their first window. */
  readonly kept: ResidentTensors<tf.Tensor3D>;
  /** What the attention of the layer that it enters makes of them, once that stays the same. */
  readonly attended: ResidentTensors<tf.Tensor2D>;
  /**
   * Windows `from … from + count − 1`, `count · T · d` floats.
   * @param into where to; at least that many, of which the first are returned. A new array by default
   */
  read(from: number, count: number, into?: Float32Array): Promise<Float32Array>;
  /** The file is on disk under its name. Rejects with checkpoint/disk-full and its kin. */
  readonly durable: Promise<void>;
  /** Waits for {@link durable}, but does not tell its failure. The device keeps nothing of it. */
  close(): Promise<void>;
}

/** What becomes of a batch that is written from the device. */
export interface PassedOn {
  /** The device keeps it: the work may go on, and end, before it is written. */
  readonly stays: boolean;
  readonly written: Promise<void>;
}

export interface StreamWriter {
  readonly shape: StreamShape;
  /** Comes back when the values before these are written: `values` must not change until then. */
  write(from: number, values: Float32Array): Promise<void>;
  /**
   * Writes a batch `[windows, T, d]` from the device, which keeps it as well where there is room.
   *
   * @param out handed over
   * @param leave bytes of the device that the work itself needs
   */
  pass(from: number, out: tf.Tensor3D, leave: number): PassedOn;
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
  const nothing = Promise.resolve();
  const kept = new ResidentTensors<tf.Tensor3D>();
  return reader(await open(path, "r"), { shape, kept, durable: nothing, ready: () => nothing });
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

/** Windows that are written when the work is over. */
interface Late {
  readonly from: number;
  readonly count: number;
  readonly written: Promise<void>;
}

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
  const kept = new ResidentTensors<tf.Tensor3D>();
  const late: Late[] = [];
  let outbox: Outbox | null = null;
  const write = async (from: number, values: Float32Array): Promise<void> => {
    await writing;
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const at = from * floatsPerWindow(shape) * 4;
    writing = guarded(path, shape, () => writeFully(handle, bytes, at));
    // Its error is the next caller's; until there is one it is not unhandled.
    writing.catch(() => undefined);
    unflushed += bytes.byteLength;
    if (!scratch && unflushed >= FLUSH_BYTES && !flushing) flush();
  };
  return {
    shape,
    write,
    pass(from, out, leave) {
      const [count] = out.shape;
      const stays = kept.keep(from, out, leave);
      outbox ??= new Outbox({ write, written: () => writing }, out.size);
      const written = outbox.send(from, out);
      if (stays) late.push({ from, count, written });
      return { stays, written };
    },
    async commit() {
      const rest = outbox?.end() ?? writing;
      if (late.length === 0) await rest;
      const finish = async () => {
        await rest;
        await guarded(path, shape, async () => {
          await flushing;
          if (!scratch) await handle.sync();
          await rename(partial, path);
        });
      };
      const durable = finish();
      // Its failure is told to whoever waits for it, when he does.
      durable.catch(() => undefined);
      if (scratch && late.length === 0) await durable;
      const ready = async (from: number, count: number) => {
        const missing = late.filter((it) => it.from < from + count && from < it.from + it.count);
        await Promise.all(missing.map(({ written }) => written));
        // A batch counts as written when its write begins, the last that the device did not keep among them.
        await writing;
      };
      return reader(handle, { shape, kept, durable, ready });
    },
    async abort() {
      kept.dispose();
      outbox?.stop();
      await outbox?.end().catch(() => undefined);
      await writing.catch(() => undefined);
      await flushing;
      await handle.close().catch(() => undefined);
      await rm(partial, { force: true });
    },
  };
}

interface Written extends Pick<StreamReader, "shape" | "kept" | "durable"> {
  /** Waits for these windows' values to be in the file. */
  readonly ready: (from: number, count: number) => Promise<void>;
}

function reader(handle: FileHandle, { shape, kept, durable, ready }: Written): StreamReader {
  const attended = new ResidentTensors<tf.Tensor2D>();
  return {
    shape,
    kept,
    attended,
    durable,
    async read(from, count, into) {
      await ready(from, count);
      const length = count * floatsPerWindow(shape);
      const values = into?.subarray(0, length) ?? newArray(length);
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      const got = await readFully(handle, bytes, from * floatsPerWindow(shape) * 4);
      if (got < bytes.length) throw new RangeError(`windows ${from}+${count} lie past the stream`);
      return values;
    },
    async close() {
      kept.dispose();
      attended.dispose();
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
