/**
 * The layout of an output checkpoint, computed from names, types and shapes alone: shards, headers, every tensor's
 * place. Equal input gives equal bytes; nothing is written here.
 *
 * Within a file, tensors are sorted as the reference implementation sorts them (wide types first, then by name) and
 * the header is padded with spaces to a multiple of 8, so every tensor starts at a multiple of its element size.
 * Over files, tensors are dealt out in the given order, as `huggingface_hub` does it.
 */

import type { DType } from "./dtype.ts";
import { byteCount, dtypeRank, elementCount } from "./dtype.ts";
import { LENGTH_BYTES, MAX_HEADER_BYTES, METADATA_KEY } from "./header.ts";
import { SINGLE_FILE } from "./locate.ts";
import * as errors from "./outputErrors.ts";

export interface TensorSpec {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

export interface PlannedTensor extends TensorSpec {
  readonly bytes: number;
  /** File name, relative to the output folder. */
  readonly file: string;
  /** First byte in that file. */
  readonly offset: number;
}

export interface PlannedFile {
  /** Relative to the output folder. */
  readonly name: string;
  /** Length field and padded header: everything before the data. */
  readonly head: Uint8Array;
  /** Size of the whole file. */
  readonly bytes: number;
}

export interface ShardPlan {
  readonly files: readonly PlannedFile[];
  readonly tensors: ReadonlyMap<string, PlannedTensor>;
  /** Content of `model.safetensors.index.json`; null where one file holds everything. */
  readonly index: string | null;
  /** Bytes of all tensors, the index's `total_size`. */
  readonly tensorBytes: number;
  /** Bytes on disk: headers, tensors and index. */
  readonly totalBytes: number;
}

export interface ShardOptions {
  /** Most tensor bytes per file; a single larger tensor gets a file of its own. Default 5 GB. */
  readonly maxShardBytes?: number;
  /** Goes into every file. `format: "pt"` is added where it is missing: transformers refuses files without it. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const DEFAULT_SHARD_BYTES = 5e9;

export interface SizedTensor extends TensorSpec {
  readonly bytes: number;
}

/**
 * Plans the files of an output folder.
 * @throws DenoiseError `checkpoint/plan-duplicate`, `checkpoint/plan-shape`, `checkpoint/plan-header-too-large`
 */
export function planShards(specs: readonly TensorSpec[], options: ShardOptions = {}): ShardPlan {
  const metadata = { format: "pt", ...options.metadata };
  const groups = dealOut(sized(specs), options.maxShardBytes ?? DEFAULT_SHARD_BYTES);
  const names = groups.map((_, i) =>
    groups.length === 1 ? SINGLE_FILE : shardName(i + 1, groups.length),
  );
  const planned = groups.map((group, i) => planFile(names[i] ?? SINGLE_FILE, group, metadata));
  const tensors = new Map(planned.flatMap((p) => p.tensors).map((t) => [t.name, t]));
  const tensorBytes = [...tensors.values()].reduce((sum, t) => sum + t.bytes, 0);
  const index = groups.length === 1 ? null : indexText(tensors, tensorBytes);
  const files = planned.map((p) => p.file);
  const totalBytes =
    files.reduce((sum, file) => sum + file.bytes, 0) + Buffer.byteLength(index ?? "");
  return { files, tensors, index, tensorBytes, totalBytes };
}

/** Plans one file with a name of its own, for work files; `metadata` is written as it is. */
export function planSingleFile(
  name: string,
  specs: readonly TensorSpec[],
  metadata: Readonly<Record<string, string>>,
): ShardPlan {
  const { file, tensors } = planFile(name, sized(specs), metadata);
  return {
    files: [file],
    tensors: new Map(tensors.map((t) => [t.name, t])),
    index: null,
    tensorBytes: file.bytes - file.head.byteLength,
    totalBytes: file.bytes,
  };
}

function sized(specs: readonly TensorSpec[]): SizedTensor[] {
  const names = new Set<string>([METADATA_KEY]);
  return specs.map(({ name, dtype, shape }) => {
    if (names.has(name)) throw errors.planDuplicate(name);
    names.add(name);
    return sizedTensor({ name, dtype, shape });
  });
}

/** @throws `checkpoint/plan-shape` */
export function sizedTensor({ name, dtype, shape }: TensorSpec): SizedTensor {
  const sizes = shape.every((n) => Number.isSafeInteger(n) && n >= 0);
  const elements = sizes ? elementCount(shape) : null;
  const bytes = elements === null ? "overflow" : byteCount(dtype, elements);
  if (typeof bytes !== "number") {
    throw errors.planShape(name, `has an impossible shape [${shape.join(", ")}] for ${dtype}`);
  }
  return { name, dtype, shape, bytes };
}

/** Everything before the data, in exactly `room` bytes, for tensors that follow each other in the given order. */
export function headInRoom(
  file: string,
  tensors: readonly SizedTensor[],
  room: number,
): Uint8Array {
  return encodeHead(file, `{${headMembers(tensors).join(",")}}`, room);
}

/** Written member by member: a JavaScript object would move names such as "0" to the front. */
function headMembers(tensors: readonly SizedTensor[]): string[] {
  let end = 0;
  return tensors.map(({ name, dtype, shape, bytes }) => {
    const entry = { dtype, shape, data_offsets: [end, end + bytes] };
    end += bytes;
    return `${JSON.stringify(name)}:${JSON.stringify(entry)}`;
  });
}

/** Greedy, in order: a full shard is closed, and a tensor larger than a shard does not close the current one. */
function dealOut(tensors: readonly SizedTensor[], maxBytes: number): SizedTensor[][] {
  const shards: SizedTensor[][] = [];
  let current: SizedTensor[] = [];
  let currentBytes = 0;
  for (const tensor of tensors) {
    if (tensor.bytes > maxBytes) {
      shards.push([tensor]);
      continue;
    }
    if (currentBytes + tensor.bytes > maxBytes) {
      shards.push(current);
      current = [];
      currentBytes = 0;
    }
    current.push(tensor);
    currentBytes += tensor.bytes;
  }
  if (current.length > 0 || shards.length === 0) shards.push(current);
  return shards;
}

const shardName = (i: number, count: number): string =>
  `model-${String(i).padStart(5, "0")}-of-${String(count).padStart(5, "0")}.safetensors`;

function planFile(
  name: string,
  group: readonly SizedTensor[],
  metadata: Readonly<Record<string, string>>,
): { readonly file: PlannedFile; readonly tensors: readonly PlannedTensor[] } {
  const sorted = group
    .map((tensor) => ({ tensor, key: Buffer.from(tensor.name) }))
    .sort(
      (a, b) =>
        dtypeRank(b.tensor.dtype) - dtypeRank(a.tensor.dtype) || Buffer.compare(a.key, b.key),
    )
    .map(({ tensor }) => tensor);
  let end = 0;
  const begins = sorted.map(({ bytes }) => (end += bytes) - bytes);
  const members = headMembers(sorted);
  if (Object.keys(metadata).length > 0) {
    members.unshift(`"${METADATA_KEY}":${sortedObject(Object.entries(metadata))}`);
  }
  const head = encodeHead(name, `{${members.join(",")}}`);
  return {
    file: { name, head, bytes: head.byteLength + end },
    tensors: sorted.map((tensor, i) => ({
      ...tensor,
      file: name,
      offset: head.byteLength + (begins[i] ?? 0),
    })),
  };
}

/** @param room bytes to fill; by default as few as are needed */
function encodeHead(file: string, json: string, room?: number): Uint8Array {
  const text = Buffer.from(json);
  const needed = Math.ceil(text.byteLength / 8) * 8;
  const length = room === undefined ? needed : room - LENGTH_BYTES;
  if (needed > Math.min(length, MAX_HEADER_BYTES)) throw errors.planHeaderTooLarge(file, needed);
  const head = Buffer.alloc(LENGTH_BYTES + length, " ");
  head.writeBigUInt64LE(BigInt(length), 0);
  text.copy(head, LENGTH_BYTES);
  return head;
}

function sortedObject(entries: readonly (readonly [string, string])[], indent = ""): string {
  const members = [...entries]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${JSON.stringify(key)}:${indent && " "}${JSON.stringify(value)}`);
  return indent
    ? `{\n${members.map((m) => indent + m).join(",\n")}\n${indent.slice(2)}}`
    : `{${members.join(",")}}`;
}

/** As `huggingface_hub` writes it: two spaces, sorted keys, a newline at the end. */
function indexText(tensors: ReadonlyMap<string, PlannedTensor>, totalSize: number): string {
  const map = sortedObject(
    [...tensors.values()].map((t) => [t.name, t.file]),
    "    ",
  );
  return `{\n  "metadata": {\n    "total_size": ${totalSize}\n  },\n  "weight_map": ${map}\n}\n`;
}
