/**
 * An opened checkpoint: one table of tensors over one or many files, read by byte ranges. Only headers are in
 * memory; the largest allocation is what a caller asks for.
 */

import type { FileHandle } from "node:fs/promises";
import type { DType } from "./dtype.ts";
import { dtypeInfo, isFloatDType } from "./dtype.ts";
import * as errors from "./errors.ts";
import { openFile, readError, readFully } from "./fileAccess.ts";
import { decodeInto } from "./floats.ts";
import { HandlePool } from "./handlePool.ts";
import { expectArray } from "./hostMemory.ts";

export interface TensorEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly elements: number;
  readonly bytes: number;
  /** Absolute path of the file that holds it. */
  readonly file: string;
  /** First byte in that file. */
  readonly offset: number;
}

export interface CheckpointFile {
  /** Absolute. */
  readonly path: string;
  readonly bytes: number;
  /** Where the data begins. */
  readonly headerBytes: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** Modification time when it was opened, milliseconds since 1970. */
  readonly mtimeMs: number;
  readonly headerSha256: string;
}

/** Half-open range of rows; a row is everything behind one index of the first dimension. */
export interface RowRange {
  readonly rowStart: number;
  readonly rowEnd: number;
}

export interface Checkpoint {
  /** Absolute path of the folder; nothing is ever written there. */
  readonly root: string;
  /** Sorted by path. */
  readonly files: readonly CheckpointFile[];
  /** By name; files in order, within a file in the order of the data. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Union of the files' `__metadata__`; the first file wins where they differ. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Parsed `config.json`, unvalidated; null where there is none. */
  readonly config: unknown;
  /** Oddities that did not stop it from being opened, as sentences for a person. */
  readonly notes: readonly string[];
  /**
   * Bytes `[start, end)` of a tensor, the whole by default, in memory of their own.
   * @throws DenoiseError `checkpoint/no-such-tensor`, `checkpoint/bad-range`, `checkpoint/file-changed`,
   *   `checkpoint/closed`, and those of reading a file
   */
  readBytes(name: string, start?: number, end?: number): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Bytes of a tensor from `start` on, as many as fit into `target` or as there are; for reading a large one piece by
   * piece without new memory for each.
   * @returns the part of `target` that was filled
   * @throws as {@link readBytes}
   */
  readInto(
    name: string,
    target: Uint8Array<ArrayBuffer>,
    start: number,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Values of a float tensor, or of some of its rows, as float32 (F64 rounded to nearest even). Peak memory is the
   * result, for F64 plus one chunk.
   * @throws DenoiseError `checkpoint/not-float` and those of {@link readBytes}
   */
  readFloats(name: string, rows?: RowRange): Promise<Float32Array<ArrayBuffer>>;
  /** Closes the files; reads that are still running fail with `checkpoint/closed`. */
  close(): Promise<void>;
}

/** Bytes of F64 read and rounded at a time. */
const CHUNK_BYTES = 2 ** 20;

export interface CheckpointParts {
  readonly root: string;
  readonly files: readonly CheckpointFile[];
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly config: unknown;
  readonly notes: readonly string[];
}

export class FileCheckpoint implements Checkpoint {
  readonly root: string;
  readonly files: readonly CheckpointFile[];
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly config: unknown;
  readonly notes: readonly string[];
  readonly #pool: HandlePool;

  constructor(parts: CheckpointParts, maxOpenFiles: number) {
    this.root = parts.root;
    this.files = parts.files;
    this.tensors = parts.tensors;
    this.config = parts.config;
    this.notes = parts.notes;
    this.metadata = Object.fromEntries(
      parts.files.toReversed().flatMap((file) => Object.entries(file.metadata)),
    );
    const fileAt = new Map(parts.files.map((file) => [file.path, file]));
    this.#pool = new HandlePool((path) => openUnchanged(path, fileAt.get(path)), maxOpenFiles);
  }

  async readBytes(name: string, start = 0, end?: number): Promise<Uint8Array<ArrayBuffer>> {
    const entry = this.#entry(name);
    const stop = end ?? entry.bytes;
    checkRange(entry, "bytes", start, stop, entry.bytes);
    const bytes = new Uint8Array(stop - start);
    await this.#read(entry, bytes, start);
    return bytes;
  }

  async readInto(
    name: string,
    target: Uint8Array<ArrayBuffer>,
    start: number,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const entry = this.#entry(name);
    const end = Math.min(start + target.byteLength, entry.bytes);
    checkRange(entry, "bytes", start, end, entry.bytes);
    const filled = target.subarray(0, end - start);
    await this.#read(entry, filled, start);
    return filled;
  }

  async readFloats(name: string, rows?: RowRange): Promise<Float32Array<ArrayBuffer>> {
    const entry = this.#entry(name);
    const { dtype } = entry;
    if (!isFloatDType(dtype)) throw errors.notFloat(entry.file, name, dtype);
    const rowCount = entry.shape[0] ?? 1;
    const { rowStart, rowEnd } = rows ?? { rowStart: 0, rowEnd: rowCount };
    checkRange(entry, "rows", rowStart, rowEnd, rowCount);

    const size = dtypeInfo(dtype).bits / 8;
    const rowElements = rowCount === 0 ? 0 : entry.elements / rowCount;
    expectArray(4 * (rowEnd - rowStart) * rowElements);
    const out = new Float32Array((rowEnd - rowStart) * rowElements);
    const from = rowStart * rowElements * size;
    const bytes = new Uint8Array(out.buffer);
    if (size <= 4) {
      // The codes are read into the end of the result's own memory: decoding from the front never overtakes them.
      const raw = bytes.subarray(bytes.byteLength - out.length * size);
      await this.#read(entry, raw, from);
      if (dtype !== "F32") decodeInto(dtype, raw, out);
      return out;
    }
    const chunk = new Uint8Array(Math.min(CHUNK_BYTES, out.length * size));
    for (let done = 0; done < out.length; done += chunk.byteLength / size) {
      const raw = chunk.subarray(0, Math.min(chunk.byteLength, (out.length - done) * size));
      await this.#read(entry, raw, from + done * size);
      decodeInto(dtype, raw, out.subarray(done, done + raw.byteLength / size));
    }
    return out;
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  #entry(name: string): TensorEntry {
    const entry = this.tensors.get(name);
    if (!entry) throw errors.noSuchTensor(this.root, name);
    return entry;
  }

  async #read(entry: TensorEntry, target: Uint8Array, start: number): Promise<void> {
    try {
      const got = await this.#pool.use(entry.file, (handle) =>
        readFully(handle, target, entry.offset + start),
      );
      // The header promised these bytes when the file was opened.
      if (got < target.byteLength) throw errors.fileChanged(entry.file);
    } catch (cause) {
      throw this.#pool.closed ? errors.closed(this.root) : readError(entry.file, cause);
    }
  }
}

function checkRange(
  entry: TensorEntry,
  unit: string,
  start: number,
  end: number,
  count: number,
): void {
  const whole = Number.isSafeInteger(start) && Number.isSafeInteger(end);
  if (!whole || start < 0 || end < start || end > count) {
    throw errors.badRange(entry.file, entry.name, `${unit} ${start} to ${end} of ${count}`);
  }
}

/** A file that was replaced since its header was read would be decoded with the wrong offsets. */
async function openUnchanged(path: string, known?: CheckpointFile): Promise<FileHandle> {
  const { handle, stats } = await openFile(path);
  if (known && (stats.size !== known.bytes || stats.mtimeMs !== known.mtimeMs)) {
    await handle.close();
    throw errors.fileChanged(path);
  }
  return handle;
}
