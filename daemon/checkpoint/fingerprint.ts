/**
 * A cheap identity of a run's input, to notice on resume that it is not the same any more: size, time and header
 * hash of every weight file, content hash of the small files that decide the result. Weights themselves are not
 * hashed; reading 140 GB to say "unchanged" would cost more than it protects.
 */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Checkpoint } from "./checkpoint.ts";
import { readError } from "./fileAccess.ts";

/** Everything that turns text into tokens or says what the tensors mean. */
const DECISIVE =
  /^(config\.json|tokenizer.*|special_tokens_map\.json|added_tokens\.json|vocab\..*|merges\.txt)$/;

/**
 * Weight files as they were when the checkpoint was opened (a later change makes reading fail), the small files as
 * they are now.
 * @returns SHA-256, hexadecimal
 * @throws DenoiseError `checkpoint/unreadable`, `checkpoint/not-found`
 */
export async function fingerprint(checkpoint: Checkpoint): Promise<string> {
  /** File name relative to the checkpoint's folder → identity of that file. */
  const parts = new Map<string, string>();
  for (const { path, bytes, mtimeMs, headerSha256 } of checkpoint.files) {
    parts.set(relative(checkpoint.root, path), `${bytes} ${mtimeMs} ${headerSha256}`);
  }
  const names = await readdir(checkpoint.root, { withFileTypes: true }).catch((cause: unknown) => {
    throw readError(checkpoint.root, cause);
  });
  for (const entry of names) {
    if (entry.isDirectory() || !DECISIVE.test(entry.name)) continue;
    parts.set(entry.name, await contentHash(join(checkpoint.root, entry.name)));
  }
  const sorted = [...parts].sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(sorted)).digest("hex");
}

async function contentHash(path: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  } catch (cause) {
    throw readError(path, cause);
  }
  return hash.digest("hex");
}
