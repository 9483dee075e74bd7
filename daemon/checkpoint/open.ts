/** Opens a checkpoint: finds its files, reads their headers, merges them into one table. */

import { join } from "node:path";
import { DenoiseError } from "../errors.ts";
import type { Checkpoint, CheckpointFile, TensorEntry } from "./checkpoint.ts";
import { FileCheckpoint } from "./checkpoint.ts";
import * as errors from "./errors.ts";
import { readSmallText } from "./fileAccess.ts";
import type { HeaderFile } from "./headerFile.ts";
import { readHeaderFile } from "./headerFile.ts";
import type { Location } from "./locate.ts";
import { CONFIG_FILE, locate } from "./locate.ts";
import type { ShardIndex } from "./shardIndex.ts";
import { readShardIndex } from "./shardIndex.ts";

export interface OpenOptions {
  /** Most file handles open at a time (default 16). */
  readonly maxOpenFiles?: number;
  readonly signal?: AbortSignal;
}

/** Far above any real configuration. */
const MAX_CONFIG_BYTES = 16 * 2 ** 20;
/** Headers read at a time. */
const HEADERS_AT_ONCE = 8;

/**
 * Opens `path`: a Hugging Face folder, its `config.json`, a `.safetensors` file, or a `.safetensors.index.json`.
 * Reads headers only. In a folder with both `model.safetensors` and an index, the single file is taken, as
 * transformers does. The caller closes the checkpoint.
 *
 * @throws DenoiseError of kind `input`, one code per defect, see `errors.ts`; `checkpoint/cancelled`
 */
export async function openCheckpoint(path: string, options: OpenOptions = {}): Promise<Checkpoint> {
  const location = await locate(path);
  const config = await readConfig(location.root);
  const notes: string[] = [];
  const index = location.kind === "index" ? await readShardIndex(location.file) : null;
  const headers = index
    ? await readShards(location, index, options.signal)
    : [await readHeaderFile(location.file)];
  const tensors = index
    ? mergeShards(location, index, headers, notes)
    : new Map(headers.flatMap((header) => [...entriesOf(header)]));
  const files = headers.map(
    ({ path, bytes, headerBytes, metadata, mtimeMs, headerSha256 }): CheckpointFile => ({
      path,
      bytes,
      headerBytes,
      metadata,
      mtimeMs,
      headerSha256,
    }),
  );
  const { root } = location;
  return new FileCheckpoint({ root, files, tensors, config, notes }, options.maxOpenFiles ?? 16);
}

const isNotFound = (cause: unknown): boolean =>
  cause instanceof DenoiseError && cause.code === "checkpoint/not-found";

async function readConfig(root: string): Promise<unknown> {
  const file = join(root, CONFIG_FILE);
  const text = await readSmallText(file, MAX_CONFIG_BYTES).catch((cause: unknown) => {
    if (isNotFound(cause)) return null;
    throw cause;
  });
  if (text === null) return null;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw errors.configNotJson(file, cause);
  }
}

function* entriesOf(header: HeaderFile): Generator<[string, TensorEntry]> {
  for (const { name, dtype, shape, elements, bytes, begin } of header.tensors) {
    const offset = header.headerBytes + begin;
    yield [name, { name, dtype, shape, elements, bytes, file: header.path, offset }];
  }
}

async function readShards(
  { root, file }: Location,
  { shards }: ShardIndex,
  signal: AbortSignal | undefined,
): Promise<HeaderFile[]> {
  const headers: HeaderFile[] = [];
  for (let i = 0; i < shards.length; i += HEADERS_AT_ONCE) {
    if (signal?.aborted) throw errors.cancelled();
    const batch = shards.slice(i, i + HEADERS_AT_ONCE).map(({ name, example }) =>
      readHeaderFile(join(root, name)).catch((cause: unknown) => {
        throw isNotFound(cause) ? errors.shardMissing(file, example, name) : cause;
      }),
    );
    headers.push(...(await Promise.all(batch)));
  }
  return headers;
}

/**
 * One table over all shards. The index decides which shard a tensor is read from. A tensor that is in a shard but
 * not in the index is kept (dropping weights silently would be worse) and noted.
 */
function mergeShards(
  { root, file }: Location,
  { shardOf }: ShardIndex,
  headers: readonly HeaderFile[],
  notes: string[],
): Map<string, TensorEntry> {
  const tensors = new Map<string, TensorEntry>();
  const shardName = (entry: TensorEntry): string => entry.file.slice(root.length + 1);
  const unlisted: string[] = [];
  for (const [name, entry] of headers.flatMap((header) => [...entriesOf(header)])) {
    const shard = shardOf.get(name);
    if (shard === undefined) {
      const other = tensors.get(name);
      if (other) throw errors.inTwoShards(file, name, [shardName(other), shardName(entry)]);
      unlisted.push(name);
    } else if (join(root, shard) !== entry.file) {
      notes.push(
        `${entry.file}: a second copy of tensor "${name}" is ignored; the index names ${shard}.`,
      );
      continue;
    }
    tensors.set(name, entry);
  }
  for (const [name, shard] of shardOf) {
    if (!tensors.has(name)) throw errors.notInShard(file, name, shard);
  }
  if (unlisted.length > 0) {
    const some = unlisted.slice(0, 3).join(", ") + (unlisted.length > 3 ? ", …" : "");
    notes.push(
      `${file}: does not list ${unlisted.length} tensors of its shards, which are kept: ${some}.`,
    );
  }
  return tensors;
}
