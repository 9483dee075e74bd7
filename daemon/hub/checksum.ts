/** What a hub knows of a file's content: SHA-256 of large files (git LFS), git's own name of small ones. */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { HubFile } from "./repository.ts";

export interface Checksum {
  /** `git-sha1` is SHA-1 of `blob <size>\0` and the content: the name of a git object. */
  readonly algorithm: "sha256" | "git-sha1";
  readonly hex: string;
}

/** 1 MiB reads: fewer turns of the event loop than the default 64 KiB. */
const CHUNK = { highWaterMark: 1 << 20 };

/** A hash to be fed the whole content of `file`; its hexadecimal digest is the checksum's. */
export function hashFor({ checksum, size }: HubFile): Hash {
  switch (checksum.algorithm) {
    case "sha256":
      return createHash("sha256");
    case "git-sha1":
      return createHash("sha1").update(`blob ${size}\0`);
    default:
      return checksum.algorithm satisfies never;
  }
}

/** Feeds `hash` the file at `path`, at most `limit` bytes. @returns how many there were */
export async function feed(
  hash: Hash,
  path: string,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  if (limit === 0) return 0;
  let bytes = 0;
  const options = { ...CHUNK, end: limit - 1, ...(signal && { signal }) };
  for await (const chunk of createReadStream(path, options) as AsyncIterable<Uint8Array>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return bytes;
}
