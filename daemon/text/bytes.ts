/** The bytes of a file as a stream, decompressed where its name ends in `.gz`, and what identifies a file. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline, type Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import * as errors from "./errors.ts";

/** What one file of a run was, so that a figure can be traced to it and a changed file be noticed. */
export interface SourceFile {
  /** As it was given. */
  readonly path: string;
  /** Hexadecimal SHA-256 of the file as it lies on disk, compressed files included. */
  readonly sha256: string;
  readonly bytes: number;
}

/** 1 MiB reads: fewer turns of the event loop than the default 64 KiB. */
const CHUNK = { highWaterMark: 1 << 20 };

/**
 * Bytes of `file`, of all members of a gzip file one after the other. Ending the iteration early closes the file.
 *
 * @throws text/file-missing, text/file-unreadable, text/not-a-file, text/gzip-damaged, text/cancelled
 */
export async function* readBytes(file: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  await refusePipe(file);
  const raw = createReadStream(file, CHUNK);
  // `pipeline` closes both ends whichever fails or is left first; the iteration below reports the error.
  const stream: Readable = file.toLowerCase().endsWith(".gz")
    ? pipeline(raw, createGunzip({ chunkSize: 1 << 18 }), () => undefined)
    : raw;
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      if (signal?.aborted) throw errors.cancelled();
      yield chunk;
    }
  } catch (cause) {
    throw isZlibError(cause) ? errors.gzipDamaged(file, cause) : errors.fromFileSystem(file, cause);
  }
}

/** A pipe gives its bytes once: the hash would be that of nothing. */
async function refusePipe(file: string): Promise<void> {
  const stats = await stat(file).catch((cause: unknown) => {
    throw errors.fromFileSystem(file, cause);
  });
  if (!stats.isFile() && !stats.isDirectory()) throw errors.notAFile(file);
}

function isZlibError(cause: unknown): boolean {
  return (
    cause instanceof Error &&
    "code" in cause &&
    typeof cause.code === "string" &&
    cause.code.startsWith("Z_")
  );
}

/**
 * Identifies `files`: each on its own, and `sha256` of their bytes one after the other, which for one file is its own.
 *
 * @throws text/file-missing, text/file-unreadable, text/cancelled
 */
export async function fingerprint(
  files: readonly string[],
  signal?: AbortSignal,
): Promise<{ files: SourceFile[]; sha256: string }> {
  const together = createHash("sha256");
  const seen: SourceFile[] = [];
  for (const path of files) {
    const alone = createHash("sha256");
    let bytes = 0;
    try {
      for await (const chunk of createReadStream(path, CHUNK) as AsyncIterable<Uint8Array>) {
        if (signal?.aborted) throw errors.cancelled();
        alone.update(chunk);
        together.update(chunk);
        bytes += chunk.length;
      }
    } catch (cause) {
      throw errors.fromFileSystem(path, cause);
    }
    seen.push({ path, sha256: alone.digest("hex"), bytes });
  }
  return { files: seen, sha256: together.digest("hex") };
}
