/** Reads and validates the header of one file: a few kilobytes, whatever the file's size. */

import { createHash } from "node:crypto";
import { lfsPointer, truncated } from "./errors.ts";
import { openFile, readError, readFully } from "./fileAccess.ts";
import type { Header } from "./header.ts";
import { LENGTH_BYTES, parseHeader, parseHeaderLength } from "./header.ts";

export interface HeaderFile extends Header {
  /** Absolute. */
  readonly path: string;
  /** Size of the whole file. */
  readonly bytes: number;
  /** Where the data begins: length field and header. */
  readonly headerBytes: number;
  /** Modification time, milliseconds since 1970. */
  readonly mtimeMs: number;
  /** SHA-256 of the header, hexadecimal. */
  readonly headerSha256: string;
}

const LFS_MAGIC = "version https://git-lfs";

/**
 * @throws DenoiseError the codes of {@link parseHeader} and {@link parseHeaderLength}, `checkpoint/lfs-pointer`,
 *   `checkpoint/not-a-file`, `checkpoint/not-found`, `checkpoint/unreadable`
 */
export async function readHeaderFile(path: string): Promise<HeaderFile> {
  const { handle, stats } = await openFile(path);
  try {
    const { size, mtimeMs } = stats;
    const start = Buffer.alloc(LFS_MAGIC.length);
    const startBytes = await readFully(handle, start, 0);
    if (start.toString("latin1") === LFS_MAGIC) throw lfsPointer(path);

    const prefix = start.subarray(0, Math.min(LENGTH_BYTES, startBytes));
    const length = parseHeaderLength(prefix, path, size);
    // Only now, with the length known to lie within the file and the format's limit, is memory set aside for it.
    const json = new Uint8Array(length);
    const got = await readFully(handle, json, LENGTH_BYTES);
    if (got < length) throw truncated(path, LENGTH_BYTES + length, LENGTH_BYTES + got, null);
    const headerBytes = LENGTH_BYTES + length;
    return {
      ...parseHeader(json, path, size - headerBytes),
      path,
      bytes: size,
      headerBytes,
      mtimeMs,
      headerSha256: createHash("sha256").update(json).digest("hex"),
    };
  } catch (cause) {
    throw readError(path, cause);
  } finally {
    await handle.close();
  }
}
