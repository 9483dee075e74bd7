/** Reading from the file system, with its errors turned into coded ones. */

import type { Stats } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { readFile, stat } from "node:fs/promises";
import { DenoiseError } from "../errors.ts";
import { jsonTooLarge, notAFile, notFound, unreadable } from "./errors.ts";

/** True for "no such file or folder". */
export const isMissing = (error: unknown): boolean =>
  error instanceof Error &&
  "code" in error &&
  (error.code === "ENOENT" || error.code === "ENOTDIR");

/** The coded form of an error met while reading `path`. */
export function readError(path: string, cause: unknown): DenoiseError {
  if (cause instanceof DenoiseError) return cause;
  return isMissing(cause) ? notFound(path) : unreadable(path, cause);
}

/** Null where `path` does not exist. */
export async function statIfThere(path: string): Promise<Stats | null> {
  try {
    return await stat(path);
  } catch (cause) {
    if (isMissing(cause)) return null;
    throw readError(path, cause);
  }
}

/**
 * Asked before a file is opened: opening a pipe waits, for as long as nobody writes to it.
 * @throws DenoiseError `checkpoint/not-a-file`, `checkpoint/not-found`, `checkpoint/unreadable`
 */
export async function statFile(path: string): Promise<Stats> {
  const stats = await statIfThere(path);
  if (!stats) throw notFound(path);
  if (!stats.isFile()) throw notAFile(path);
  return stats;
}

/**
 * The text of a file of at most `limit` bytes.
 * @throws DenoiseError `checkpoint/not-a-file`, `checkpoint/not-found`, `checkpoint/unreadable`,
 *   `checkpoint/json-too-large`
 */
export async function readSmallText(path: string, limit: number): Promise<string> {
  try {
    const { size } = await statFile(path);
    if (size > limit) throw jsonTooLarge(path, size, limit);
    return await readFile(path, "utf8");
  } catch (cause) {
    throw readError(path, cause);
  }
}

/** One call of the system moves at most 2 GiB; smaller pieces also let a close or a signal in between. */
const MAX_CALL_BYTES = 64 * 2 ** 20;

/** Fills `target` from byte `position` of the file; returns how many bytes there were, fewer only at its end. */
export async function readFully(
  handle: FileHandle,
  target: Uint8Array,
  position: number,
): Promise<number> {
  let done = 0;
  while (done < target.byteLength) {
    const length = Math.min(MAX_CALL_BYTES, target.byteLength - done);
    const { bytesRead } = await handle.read(target, done, length, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** Writes all of `source` at byte `position` of the file. */
export async function writeFully(
  handle: FileHandle,
  source: Uint8Array,
  position: number,
): Promise<void> {
  let done = 0;
  while (done < source.byteLength) {
    const length = Math.min(MAX_CALL_BYTES, source.byteLength - done);
    const { bytesWritten } = await handle.write(source, done, length, position + done);
    done += bytesWritten;
  }
}
