/** Reading from the file system, with its errors turned into coded ones. */

import type { Stats } from "node:fs";
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { open, stat } from "node:fs/promises";
import { DenoiseError } from "../errors.ts";
import { jsonTooLarge, notAFile, notFound, unreadable } from "./errors.ts";

const codeOf = (error: unknown): unknown =>
  error instanceof Error && "code" in error ? error.code : undefined;

/** True for "no such file or folder". */
export const isMissing = (error: unknown): boolean =>
  codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR";

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

/** For reading. A pipe is opened too, instead of waiting until somebody writes to it; Windows has no such flag. */
const WITHOUT_WAITING = constants.O_RDONLY | constants.O_NONBLOCK;

export interface OpenedFile {
  /** The caller closes it. */
  readonly handle: FileHandle;
  /** Of what is open: another file may stand at the path by now. */
  readonly stats: Stats;
}

/** @throws DenoiseError `checkpoint/not-a-file`, `checkpoint/not-found`, `checkpoint/unreadable` */
export async function openFile(path: string): Promise<OpenedFile> {
  const handle = await open(path, WITHOUT_WAITING).catch((cause: unknown) => {
    // Of a socket.
    throw codeOf(cause) === "ENXIO" ? notAFile(path) : readError(path, cause);
  });
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw notAFile(path);
    return { handle, stats };
  } catch (cause) {
    await handle.close();
    throw readError(path, cause);
  }
}

/**
 * The text of a file of at most `limit` bytes.
 * @throws DenoiseError `checkpoint/not-a-file`, `checkpoint/not-found`, `checkpoint/unreadable`,
 *   `checkpoint/json-too-large`
 */
export async function readSmallText(path: string, limit: number): Promise<string> {
  const { handle, stats } = await openFile(path);
  try {
    if (stats.size > limit) throw jsonTooLarge(path, stats.size, limit);
    return await handle.readFile("utf8");
  } catch (cause) {
    throw readError(path, cause);
  } finally {
    await handle.close();
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
