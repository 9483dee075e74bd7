/** A safetensors file whose tensors are written one after the other as they are made: the layer files of a run. */

import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { syncFolder } from "./durable.ts";
import { writeFully } from "./fileAccess.ts";
import * as errors from "./outputErrors.ts";
import { headInRoom, sizedTensor, type SizedTensor, type TensorSpec } from "./plan.ts";

/** Room kept for the header, which can be written only when all tensors are known: some hundred of them. */
const HEAD_BYTES = 64 << 10;

/**
 * Whoever finds the file finds it complete, whenever the process was killed: it lies beside its place until
 * {@link finish}. Equal tensors in the same order give equal bytes.
 */
export class GrowingFile {
  readonly #tensors: SizedTensor[] = [];
  #end = HEAD_BYTES;

  private constructor(
    private readonly target: string,
    private readonly temporary: string,
    private readonly handle: FileHandle,
  ) {}

  /** @throws `checkpoint/output-read-only`, `checkpoint/disk-full`, `checkpoint/write-failed` */
  static async begin(path: string): Promise<GrowingFile> {
    const target = resolve(path);
    const temporary = join(dirname(target), `.${basename(target)}.partial`);
    try {
      return new GrowingFile(target, temporary, await open(temporary, "w"));
    } catch (cause) {
      throw errors.outputError(target, HEAD_BYTES, cause);
    }
  }

  /**
   * One call at a time.
   * @param parts the tensor's bytes, in pieces that follow each other
   * @throws `checkpoint/write-out-of-range` where they are not as many as the shape needs, `checkpoint/plan-*`, and
   *   those of {@link begin}
   */
  async append(spec: TensorSpec, parts: readonly Uint8Array[]): Promise<void> {
    const tensor = sizedTensor(spec);
    const bytes = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (bytes !== tensor.bytes) throw errors.writeOutOfRange(spec.name, 0, bytes, tensor.bytes);
    this.#tensors.push(tensor);
    await this.#guarded(async () => {
      for (const part of parts) {
        await writeFully(this.handle, part, this.#end);
        this.#end += part.byteLength;
      }
    });
  }

  /** Writes the header, flushes, and lets the file appear under its name. @throws those of {@link append} */
  async finish(): Promise<void> {
    await this.#guarded(async () => {
      await writeFully(this.handle, headInRoom(this.target, this.#tensors, HEAD_BYTES), 0);
      await this.handle.sync();
      await this.handle.close();
      await rename(this.temporary, this.target);
      await syncFolder(dirname(this.target));
    });
  }

  /** Gives up what {@link finish} has not finished. */
  async abort(): Promise<void> {
    await this.handle.close().catch(() => undefined);
    await rm(this.temporary, { force: true });
  }

  async #guarded(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (cause) {
      throw errors.outputError(this.target, this.#end, cause);
    }
  }
}
