/**
 * Compiled kernels on disk, so that they are compiled once per machine. A file is a SHA-256 of what follows it, then
 * the code; it appears whole or not at all, and what does not check is compiled again. What nobody used for a while
 * goes: every version of a kernel, the compiler and the GPU has files of its own.
 */
import { createHash, randomUUID } from "node:crypto";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

export interface CubinCache {
  /** @returns undefined when there is none, or none that checks */
  read(key: string): Uint8Array | undefined;
  /** A folder that cannot be written is no failure: the next process compiles again. */
  write(key: string, cubin: Uint8Array): void;
}

const DIGEST_BYTES = 32;
const UNUSED_MS = 90 * 24 * 3600 * 1000;

/** One key for all that decides about the machine code. */
export function cacheKey(parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:${part}`);
  return hash.digest("hex");
}

export function cubinCache(folder: string): CubinCache {
  const fileOf = (key: string): string => join(folder, `${key}.cubin`);
  let tidied = false;
  return {
    read(key) {
      let file: Buffer;
      try {
        file = readFileSync(fileOf(key));
      } catch {
        return undefined;
      }
      const cubin = file.subarray(DIGEST_BYTES);
      if (!digest(cubin).equals(file.subarray(0, DIGEST_BYTES))) return undefined;
      quietly(() => {
        utimesSync(fileOf(key), new Date(), new Date());
      });
      return cubin;
    },
    write(key, cubin) {
      const temporary = `${fileOf(key)}.${randomUUID()}`;
      if (!tidied) removeUnused(folder);
      tidied = true;
      try {
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        writeFileSync(temporary, Buffer.concat([digest(cubin), cubin]), { mode: 0o600 });
        renameSync(temporary, fileOf(key));
      } catch {
        // A full disk leaves a part, a read-only folder nothing.
        quietly(() => {
          rmSync(temporary, { force: true });
        });
      }
    },
  };
}

/** Also what processes left that were killed while they wrote. */
function removeUnused(folder: string): void {
  quietly(() => {
    for (const name of readdirSync(folder).filter((name) => name.includes(".cubin"))) {
      const file = join(folder, name);
      quietly(() => {
        if (Date.now() - statSync(file).mtimeMs > UNUSED_MS) rmSync(file);
      });
    }
  });
}

/** A cache that cannot be kept in order is still one; another process may be at the same files. */
function quietly(action: () => void): void {
  try {
    action();
  } catch {
    // Nothing depends on it.
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
  // A relative one is where the process happens to run, whose machine code is not to be trusted.
  const base = given === undefined || !isAbsolute(given) ? join(homedir(), ".cache") : given;
  return join(base, "denoise-rotator", "cuda");
}
