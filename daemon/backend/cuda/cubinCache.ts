/**
 * Compiled kernels on disk, so that they are compiled once per machine. A file is a SHA-256 of what follows it, then
 * the machine code; it appears whole or not at all, and what does not check is compiled again.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

export interface CubinCache {
  /** @returns undefined when there is none, or none that checks */
  read(key: string): Uint8Array | undefined;
  /** A folder that cannot be written is no failure: the next process compiles again. */
  write(key: string, cubin: Uint8Array): void;
}

const DIGEST_BYTES = 32;

/** One key for all that decides about the machine code. */
export function cacheKey(parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:${part}`);
  return hash.digest("hex");
}

export function cubinCache(folder: string): CubinCache {
  const fileOf = (key: string): string => join(folder, `${key}.cubin`);
  return {
    read(key) {
      let file: Buffer;
      try {
        file = readFileSync(fileOf(key));
      } catch {
        return undefined;
      }
      const cubin = file.subarray(DIGEST_BYTES);
      return digest(cubin).equals(file.subarray(0, DIGEST_BYTES)) ? cubin : undefined;
    },
    write(key, cubin) {
      const temporary = `${fileOf(key)}.${randomUUID()}`;
      try {
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        writeFileSync(temporary, Buffer.concat([digest(cubin), cubin]), { mode: 0o600 });
        renameSync(temporary, fileOf(key));
      } catch {
        remove(temporary);
      }
    },
  };
}

/** What is left of a write that failed, if anything: a full disk leaves a part, a read-only folder nothing. */
function remove(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // Where nothing can be written nothing was.
  }
}

const digest = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();

/** The user's own cache folder, by the custom of the system. */
export function cubinFolder(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  const local = platform === "win32" ? env.LOCALAPPDATA : undefined;
  const given = env.XDG_CACHE_HOME ?? local;
  const base = given === undefined || given === "" ? join(homedir(), ".cache") : given;
  return join(base, "denoise-rotator", "cuda");
}
