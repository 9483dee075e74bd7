/**
 * `model.safetensors.index.json`: which shard holds which tensor. Names in it come from outside and are kept inside
 * the checkpoint's folder.
 */

import { dirname, isAbsolute, join, posix } from "node:path";
import { findKeyDefect } from "./duplicateKeys.ts";
import * as errors from "./errors.ts";
import { readSmallText } from "./fileAccess.ts";
import { MAX_HEADER_BYTES } from "./header.ts";
import { isRecord } from "./json.ts";
import { isPickleName } from "./locate.ts";

export interface ShardIndex {
  /** Tensor name → shard path relative to the folder, in the index's order. */
  readonly shardOf: ReadonlyMap<string, string>;
  /** The shards, sorted by path, each with one tensor that it should hold (for messages). */
  readonly shards: readonly { readonly name: string; readonly example: string }[];
}

/**
 * @param file absolute path of the index
 * @throws DenoiseError `checkpoint/index-not-json`, `checkpoint/index-malformed`, `checkpoint/duplicate-name`,
 *   `checkpoint/shard-outside`, `checkpoint/pickle`, and those of reading a file
 */
export async function readShardIndex(file: string): Promise<ShardIndex> {
  const text = await readSmallText(file, MAX_HEADER_BYTES);
  const defect = findKeyDefect(text);
  if (defect === "too-deep") throw errors.indexMalformed(file, "it is nested too deeply");
  if (defect) throw errors.duplicateName(file, defect.duplicate);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw errors.indexNotJson(file, cause);
  }
  if (!isRecord(json) || !isRecord(json.weight_map)) {
    throw errors.indexMalformed(file, 'it has no object "weight_map"');
  }

  const shardOf = new Map<string, string>();
  const exampleOf = new Map<string, string>();
  for (const [tensor, named] of Object.entries(json.weight_map)) {
    if (typeof named !== "string") {
      throw errors.indexMalformed(
        file,
        `the shard of ${JSON.stringify(tensor.slice(0, 200))} is not a file name`,
      );
    }
    const shard = insidePath(named);
    if (shard === null) throw errors.shardOutside(file, tensor, named);
    if (isPickleName(shard)) throw errors.pickle(join(dirname(file), shard));
    if (!exampleOf.has(shard)) exampleOf.set(shard, tensor);
    shardOf.set(tensor, shard);
  }
  if (shardOf.size === 0) throw errors.indexMalformed(file, 'its "weight_map" is empty');
  const shards = [...exampleOf].map(([name, example]) => ({ name, example }));
  shards.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { shardOf, shards };
}

/**
 * The normalised form of a relative path that does not leave its folder, else null. Only the text counts: a link
 * inside the folder may point anywhere (the hub's own cache is built of such links).
 */
function insidePath(shard: string): string | null {
  if (shard === "" || shard.includes("\0")) return null;
  // Windows forms are refused everywhere, so that a checkpoint means the same on every machine.
  if (isAbsolute(shard) || shard.includes("\\") || /^[a-z]:/i.test(shard)) return null;
  const path = posix.normalize(shard);
  return path === "." || path === ".." || path.startsWith("../") ? null : path;
}
