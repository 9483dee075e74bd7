/**
 * One file from the hub to the disk. It grows as `<name>.partial` and gets its name when its checksum is right, so
 * what has the name is whole. Bytes are written at their own offsets, never appended: two processes that fetch the same
 * file at once write the same bytes to the same places.
 */
import { constants } from "node:fs";
import { open, rename, rm, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { fileDownloadInfo } from "@huggingface/hub";
import { DenoiseError } from "../errors.ts";
import { feed, hashFor } from "./checksum.ts";
import { REPETITIONS, isAborted } from "./connection.ts";
import type { Connection } from "./connection.ts";
import * as errors from "./errors.ts";
import type { HubFile } from "./repository.ts";

export interface Transfer {
  readonly file: HubFile;
  /** Where it is to lie; its folder exists. */
  readonly target: string;
}

/** Never truncating: another process may be writing. */
const CREATE_OR_OPEN = constants.O_RDWR | constants.O_CREAT;

export const partialOf = (target: string): string => `${target}.partial`;

/** Size of the file at `path`, null where there is none. @throws hub/unreadable */
export async function sizeOf(path: string): Promise<number | null> {
  try {
    const stats = await stat(path);
    return stats.isFile() ? stats.size : null;
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return null;
    throw errors.unreadable(path, cause);
  }
}

/**
 * Fetches what is missing of the file, or nothing where it is there and right.
 *
 * @param report told how many bytes of the file are there and hashed; goes back where content had to be thrown away
 * @throws hub/corrupt, hub/interrupted, hub/file-missing, hub/unwritable, hub/cancelled, and what
 *   {@link Connection.fetch} throws
 */
export async function transfer(
  connection: Connection,
  commit: string,
  { file, target }: Transfer,
  report: (bytes: number) => void,
): Promise<void> {
  if (await isRight(connection, file, target)) {
    report(file.size);
    return;
  }
  const partial = partialOf(target);
  // A second round, because a first may go on from bytes that an earlier run left damaged.
  for (let round = 0; round < 2; round++) {
    if (await fill(connection, commit, file, partial, report)) {
      await finish(connection, file, partial, target);
      return;
    }
    await onDisk(partial, () => rm(partial, { force: true }));
    report(0);
  }
  throw errors.corrupt(connection.subject, file.path);
}

/** Gives the file its name, unless another process that fetched it too has just done so. */
async function finish(
  connection: Connection,
  file: HubFile,
  partial: string,
  target: string,
): Promise<void> {
  try {
    await rename(partial, target);
  } catch (cause) {
    if (!(await isRight(connection, file, target))) throw errors.unwritable(target, cause);
  }
}

async function isRight({ signal }: Connection, file: HubFile, target: string): Promise<boolean> {
  if ((await sizeOf(target)) !== file.size) return false;
  const hash = hashFor(file);
  await readPart(hash, target, file.size, signal);
  return hash.digest("hex") === file.checksum.hex;
}

/** Completes `partial`. @returns whether its checksum is right */
async function fill(
  connection: Connection,
  commit: string,
  file: HubFile,
  partial: string,
  report: (bytes: number) => void,
): Promise<boolean> {
  const there = (await sizeOf(partial)) ?? 0;
  if (there > file.size) return false;
  const handle = await onDisk(partial, () => open(partial, CREATE_OR_OPEN));
  try {
    const hash = hashFor(file);
    let at = await readPart(hash, partial, there, connection.signal);
    report(at);
    const url = at < file.size ? await addressOf(connection, commit, file) : "";
    for (let failures = 0; at < file.size;) {
      const before = at;
      let cause: unknown;
      try {
        for await (const chunk of bytesFrom(connection, url, at, file)) {
          await write(handle, partial, chunk, at);
          hash.update(chunk);
          at += chunk.length;
          report(at);
        }
      } catch (error) {
        if (isAborted(connection.signal)) throw errors.cancelled();
        // After the first answers a network that is gone may come back; all else is final.
        if (error instanceof DenoiseError && error.code !== "hub/offline") throw error;
        cause = error;
      }
      if (at === file.size) break;
      failures = at > before ? 0 : failures + 1;
      if (failures > REPETITIONS) {
        throw errors.interrupted(connection.subject, file.path, at, file.size, cause);
      }
      await connection.pause(failures);
    }
    if (hash.digest("hex") !== file.checksum.hex) return false;
    await onDisk(partial, () => handle.sync());
    return true;
  } finally {
    await handle.close();
  }
}

/** Where the file's bytes are. The library asks with a request for one byte, whose body nobody needs. */
async function addressOf(
  { endpoint, subject, signal, fetch }: Connection,
  commit: string,
  file: HubFile,
): Promise<string> {
  const info = await fileDownloadInfo({
    repo: { type: subject.type, name: subject.name },
    path: file.path,
    revision: commit,
    hubUrl: endpoint,
    fetch: async (target, init) => {
      const response = await fetch(target, init);
      await response.body?.cancel();
      return response;
    },
  }).catch((cause: unknown) => {
    if (isAborted(signal)) throw errors.cancelled();
    if (cause instanceof DenoiseError) throw cause;
    throw errors.unexpected(subject, `${file.path}: ${String(cause)}`, cause);
  });
  if (info === null) throw errors.fileMissing(subject, file.path);
  if (info.size !== file.size) {
    throw errors.unexpected(
      subject,
      `${file.path} is ${file.size} bytes in its list and ${info.size} bytes to fetch`,
    );
  }
  return info.url;
}

/**
 * The file's bytes from `start` on. Xet, the hub's chunked storage, is not asked for: a hub that stores a file so
 * also serves it whole, and a range of it.
 */
async function* bytesFrom(
  connection: Connection,
  url: string,
  start: number,
  file: HubFile,
): AsyncGenerator<Uint8Array> {
  const response = await connection.fetch(url, {
    headers: {
      // Compressed, a range would be one of the compressed bytes.
      "Accept-Encoding": "identity",
      ...(start > 0 && { Range: `bytes=${start}-` }),
    },
  });
  if (response.status === 404) throw errors.fileMissing(connection.subject, file.path);
  if (response.body === null || response.status === 416) {
    await response.body?.cancel();
    throw errors.unexpected(connection.subject, `no bytes of ${file.path} from ${start} on`);
  }
  const first =
    response.status === 206
      ? Number(/^bytes (\d+)-/.exec(response.headers.get("Content-Range") ?? "")?.[1])
      : 0;
  if (!(first <= start)) {
    await response.body.cancel();
    throw errors.unexpected(connection.subject, `other bytes of ${file.path} than asked for`);
  }
  // A server without ranges sends everything: what is there already is read past.
  let skip = start - first;
  let left = file.size - start;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    const fresh = chunk.subarray(Math.min(skip, chunk.length));
    skip -= chunk.length - fresh.length;
    if (fresh.length > left) {
      throw errors.unexpected(connection.subject, `${file.path} is longer than its list says`);
    }
    left -= fresh.length;
    if (fresh.length > 0) yield fresh;
  }
}

async function readPart(...args: Parameters<typeof feed>): Promise<number> {
  try {
    return await feed(...args);
  } catch (cause) {
    const [, path, , signal] = args;
    throw isAborted(signal) ? errors.cancelled() : errors.unreadable(path, cause);
  }
}

async function write(
  handle: FileHandle,
  path: string,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  await onDisk(path, async () => {
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await handle.write(
        bytes,
        done,
        bytes.length - done,
        position + done,
      );
      done += bytesWritten;
    }
  });
}

async function onDisk<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw errors.unwritable(path, cause);
  }
}
