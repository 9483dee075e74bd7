/**
 * Writes a planned checkpoint. Tensors arrive in any order and in pieces, each byte exactly once, and go straight
 * to their place on disk. Everything happens in a temporary folder beside the output; the output appears complete,
 * by one rename, or not at all.
 */

import type { FileHandle } from "node:fs/promises";
import { mkdir, open, readFile, rename, rm, rmdir, statfs } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { Coverage } from "./coverage.ts";
import { isMissing, readError, writeFully } from "./fileAccess.ts";
import { HandlePool } from "./handlePool.ts";
import { INDEX_FILE } from "./locate.ts";
import * as errors from "./outputErrors.ts";
import type { ShardPlan } from "./plan.ts";
import { syncFolder } from "./durable.ts";

/** The folder that is filled before the output appears under its own name, `path`. */
export const stagingOf = (path: string): string =>
  join(dirname(path), `.${basename(path)}.partial`);

export class CheckpointWriter {
  readonly #pool = new HandlePool((path) => open(path, "r+"));
  readonly #coverage: ReadonlyMap<string, Coverage>;
  #state: "open" | "failed" | "closed" = "open";

  private constructor(
    /** Absolute path of the folder that {@link finish} makes appear. */
    readonly dir: string,
    /** Absolute path of the temporary folder that is being filled. */
    readonly staging: string,
    readonly plan: ShardPlan,
  ) {
    this.#coverage = new Map([...plan.tensors].map(([name, t]) => [name, new Coverage(t.bytes)]));
  }

  /**
   * Starts writing: checks the free space, makes the temporary folder `.<name>.partial` beside `dir` (one left by a
   * run that was killed is replaced), writes all headers and sets the files to their final size.
   * `dir` itself must not exist or be empty, see `assertOutputAllowed`.
   *
   * @throws DenoiseError `checkpoint/disk-full`, `checkpoint/output-read-only`, `checkpoint/write-failed`
   */
  static async create(dir: string, plan: ShardPlan): Promise<CheckpointWriter> {
    const target = resolve(dir);
    const staging = stagingOf(target);
    const writer = new CheckpointWriter(target, staging, plan);
    try {
      await mkdir(dirname(target), { recursive: true });
      await rm(staging, { recursive: true, force: true });
      await assertSpace(dirname(target), plan.totalBytes);
      await mkdir(staging);
      for (const { name, head, bytes } of plan.files) {
        await writer.#createFile(name, async (handle) => {
          await writeFully(handle, head, 0);
          await handle.truncate(bytes);
        });
      }
      if (plan.index !== null) await writer.writeFile(INDEX_FILE, plan.index);
    } catch (cause) {
      await writer.abort().catch(() => undefined);
      throw errors.outputError(target, plan.totalBytes, cause);
    }
    return writer;
  }

  /**
   * Writes `bytes` of a tensor from byte `offsetInTensor` on. Calls may run at the same time.
   * @throws DenoiseError `checkpoint/not-planned`, `checkpoint/write-out-of-range`, `checkpoint/written-twice`,
   *   `checkpoint/writer-closed`, and those of {@link create}
   */
  async write(name: string, bytes: Uint8Array, offsetInTensor = 0): Promise<void> {
    this.#assertOpen();
    const tensor = this.plan.tensors.get(name);
    const coverage = this.#coverage.get(name);
    if (!tensor || !coverage) throw errors.notPlanned(name);
    const end = offsetInTensor + bytes.byteLength;
    if (!Number.isSafeInteger(offsetInTensor) || offsetInTensor < 0 || end > tensor.bytes) {
      throw errors.writeOutOfRange(name, offsetInTensor, bytes.byteLength, tensor.bytes);
    }
    if (!coverage.add(offsetInTensor, end)) throw errors.writtenTwice(name, offsetInTensor);
    await this.#guard(() =>
      this.#pool.use(join(this.staging, tensor.file), (handle) =>
        writeFully(handle, bytes, tensor.offset + offsetInTensor),
      ),
    );
  }

  /**
   * Adds a file beside the weights (`config.json`, a report), or in a folder of theirs (`heatmaps/…`).
   * @param content text in pieces where it is long: they are made as they are written
   */
  async writeFile(name: string, content: string | Uint8Array | Iterable<string>): Promise<void> {
    this.#assertOpen();
    const whole = typeof content === "string" || content instanceof Uint8Array;
    await this.#guard(async () => {
      await mkdir(dirname(join(this.staging, name)), { recursive: true });
      await this.#createFile(name, async (handle) => {
        let at = 0;
        for (const piece of whole ? [content] : content) {
          const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
          await writeFully(handle, bytes, at);
          at += bytes.byteLength;
        }
        await handle.sync();
      });
    });
  }

  /**
   * Copies a small file (a tokenizer, a licence) beside the weights, under its own name. Its permissions are not
   * copied: a read-only source must not make a read-only output.
   */
  async copyFile(source: string): Promise<void> {
    const content = await readFile(source).catch((cause: unknown) => {
      throw readError(source, cause);
    });
    await this.writeFile(basename(source), content);
  }

  /**
   * Checks that every byte arrived, flushes everything to the disk and lets the output appear under its name.
   * @returns the absolute path of the finished folder
   * @throws DenoiseError `checkpoint/incomplete` (the writer stays open), and those of {@link create}
   */
  async finish(): Promise<string> {
    this.#assertOpen();
    for (const [name, { missing }] of this.#coverage) {
      if (missing > 0) throw errors.incomplete(name, missing);
    }
    await this.#guard(async () => {
      for (const { name } of this.plan.files) {
        await this.#pool.use(join(this.staging, name), (handle) => handle.sync());
      }
      await this.#pool.close();
      await syncFolder(this.staging);
      // An empty folder may stand at the output's name; where it is not empty this fails, and nothing is lost.
      await rmdir(this.dir).catch((cause: unknown) => {
        if (!isMissing(cause)) throw cause;
      });
      await rename(this.staging, this.dir);
      await syncFolder(dirname(this.dir));
    });
    this.#state = "closed";
    return this.dir;
  }

  /** Gives up: removes the temporary folder. Does nothing after {@link finish}. */
  async abort(): Promise<void> {
    if (this.#state === "closed") return;
    this.#state = "closed";
    await this.#pool.close();
    await rm(this.staging, { recursive: true, force: true });
  }

  #assertOpen(): void {
    if (this.#state !== "open") throw errors.writerClosed(this.dir);
  }

  async #guard(action: () => Promise<unknown>): Promise<void> {
    try {
      await action();
    } catch (cause) {
      // `abort` closes the files under the writes that still run.
      if (this.#state === "closed") throw errors.writerClosed(this.dir);
      // After a failed write the bytes on disk are unknown: only `abort` is possible.
      if (this.#state === "open") this.#state = "failed";
      throw errors.outputError(this.dir, this.plan.totalBytes, cause);
    }
  }

  async #createFile(name: string, fill: (handle: FileHandle) => Promise<void>): Promise<void> {
    const handle = await open(join(this.staging, name), "wx");
    try {
      await fill(handle);
    } finally {
      await handle.close();
    }
  }
}

/** Says "disk full" before the work instead of at its end. A file system that does not tell its size is not asked. */
async function assertSpace(dir: string, needed: number): Promise<void> {
  const { bavail, bsize, blocks } = await statfs(dir);
  if (blocks > 0 && bavail * bsize < needed) throw errors.diskFull(dir, needed, bavail * bsize);
}
