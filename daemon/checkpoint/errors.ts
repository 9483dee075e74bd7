/**
 * Everything that can be wrong with a checkpoint that is read: one factory per defect, each naming the file and,
 * where there is one, the tensor. What can go wrong while writing is in `outputErrors.ts`.
 */

import type { DenoiseError } from "../errors.ts";
import { coded } from "../errors.ts";

const input = coded("checkpoint", "input");
const failed = coded("checkpoint", "failed");

/** A tensor name as it is shown: quoted, control characters escaped, cut where a hostile file makes it endless. */
const shown = (name: string): string =>
  JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);

const count = (bytes: number): string => `${bytes.toLocaleString("en-US")} bytes`;

const DOWNLOAD_AGAIN = "Download or copy the file again and compare its checksum.";
const WRITE_AGAIN =
  "The program that wrote it is at fault: save the model again with a current safetensors library.";

// ── Where the weights are ───────────────────────────────────────────────────────────────────────────────────────

export const notFound = (path: string): DenoiseError =>
  input("not-found", `${path}: no such file or folder. Check the path.`);

export const unreadable = (path: string, cause: unknown): DenoiseError =>
  input(
    "unreadable",
    `${path}: cannot be read (${cause instanceof Error ? cause.message : String(cause)}). ` +
      "Check its permissions and the disk.",
    cause,
  );

export const notAFile = (path: string): DenoiseError =>
  input(
    "not-a-file",
    `${path}: is a folder, a pipe or a device, not a file. Put the file itself there: it is read in ` +
      "pieces, from anywhere in it.",
  );

export const unsupportedPath = (path: string): DenoiseError =>
  input(
    "unsupported-path",
    `${path}: not a checkpoint. Give a Hugging Face folder, its config.json, a .safetensors file or a ` +
      ".safetensors.index.json.",
  );

export const pickle = (path: string): DenoiseError =>
  input(
    "pickle",
    `${path}: PyTorch pickle weights are refused, because opening a pickle can run any code that is hidden in it. ` +
      "Convert them on a machine where you trust the file: in Python, load the model with transformers and call " +
      'model.save_pretrained("<folder>", safe_serialization=True), then give that folder.',
  );

export const noWeights = (root: string): DenoiseError =>
  input(
    "no-weights",
    `${root}: holds no .safetensors weights. Give the folder that has model.safetensors or ` +
      "model.safetensors.index.json.",
  );

export const hubCache = (root: string): DenoiseError =>
  input(
    "hub-cache",
    `${root}: is a model in the Hugging Face cache. Give the folder of one of its revisions, in ` +
      `${root}/snapshots.`,
  );

export const ambiguousWeights = (root: string, names: readonly string[]): DenoiseError =>
  input(
    "ambiguous-weights",
    `${root}: has ${names.length} .safetensors files (${names.slice(0, 4).join(", ")}${names.length > 4 ? ", …" : ""}) ` +
      "but neither model.safetensors nor an index that says how they belong together. Add the missing " +
      "model.safetensors.index.json, or name one file.",
  );

export const lfsPointer = (file: string): DenoiseError =>
  input(
    "lfs-pointer",
    `${file}: is a Git LFS pointer, not the weights. Run "git lfs pull" in that folder, or download the file itself.`,
  );

// ── One file's header ───────────────────────────────────────────────────────────────────────────────────────────

export const truncated = (
  file: string,
  expected: number,
  actual: number,
  tensor: string | null,
): DenoiseError =>
  input(
    "truncated",
    `${file}: is cut off: ${count(expected)} expected, ${count(actual)} there` +
      `${tensor === null ? "" : `; the first tensor that is not complete is ${shown(tensor)}`}. ${DOWNLOAD_AGAIN}`,
  );

export const headerLength = (file: string, length: bigint): DenoiseError =>
  input(
    "header-length",
    `${file}: claims a header of ${length} bytes (the format allows 2 to 100,000,000). ` +
      "It is not a safetensors file, or it is damaged.",
  );

export const headerNotJson = (file: string, detail: string, cause?: unknown): DenoiseError =>
  input(
    "header-not-json",
    `${file}: the header is not valid JSON (${detail}). ${DOWNLOAD_AGAIN}`,
    cause,
  );

export const headerNotObject = (file: string): DenoiseError =>
  input(
    "header-not-object",
    `${file}: the header is not a JSON object: it does not begin with "{". ${WRITE_AGAIN}`,
  );

export const duplicateName = (file: string, name: string): DenoiseError =>
  input(
    "duplicate-name",
    `${file}: the name ${shown(name)} occurs twice in one object. ${WRITE_AGAIN}`,
  );

export const badMetadata = (file: string, detail: string): DenoiseError =>
  input(
    "bad-metadata",
    `${file}: __metadata__ must map strings to strings, but ${detail}. ${WRITE_AGAIN}`,
  );

export const badEntry = (file: string, tensor: string): DenoiseError =>
  input(
    "bad-entry",
    `${file}: the entry of tensor ${shown(tensor)} is not an object with dtype, shape and data_offsets. ${WRITE_AGAIN}`,
  );

export const unknownDType = (file: string, tensor: string, dtype: string): DenoiseError =>
  input(
    "unknown-dtype",
    `${file}: tensor ${shown(tensor)} has the dtype ${shown(dtype)}, which the safetensors format does not define.`,
  );

export const badShape = (file: string, tensor: string, detail: string): DenoiseError =>
  input("bad-shape", `${file}: the shape of tensor ${shown(tensor)} ${detail}. ${WRITE_AGAIN}`);

export const badOffsets = (file: string, tensor: string, detail: string): DenoiseError =>
  input(
    "bad-offsets",
    `${file}: the data_offsets of tensor ${shown(tensor)} ${detail}. ${WRITE_AGAIN}`,
  );

export const sizeMismatch = (
  file: string,
  tensor: string,
  what: string,
  expected: number,
  actual: number,
): DenoiseError =>
  input(
    "size-mismatch",
    `${file}: tensor ${shown(tensor)} (${what}) needs ${count(expected)}, its offsets give ${count(actual)}. ` +
      WRITE_AGAIN,
  );

export const misaligned = (file: string, tensor: string, what: string): DenoiseError =>
  input(
    "misaligned",
    `${file}: tensor ${shown(tensor)} (${what}) does not fill whole bytes. ${WRITE_AGAIN}`,
  );

export const overlap = (file: string, tensor: string, previous: string): DenoiseError =>
  input(
    "overlap",
    `${file}: tensor ${shown(tensor)} overlaps the bytes of ${shown(previous)}. ${WRITE_AGAIN}`,
  );

export const hole = (file: string, tensor: string, bytes: number): DenoiseError =>
  input(
    "hole",
    `${file}: ${count(bytes)} before tensor ${shown(tensor)} belong to no tensor, which the format forbids. ${WRITE_AGAIN}`,
  );

export const outOfRange = (
  file: string,
  tensor: string,
  begin: number,
  available: number,
): DenoiseError =>
  input(
    "out-of-range",
    `${file}: tensor ${shown(tensor)} starts at data byte ${begin}, but the file has ${count(available)} of data. ` +
      WRITE_AGAIN,
  );

export const trailingBytes = (file: string, bytes: number): DenoiseError =>
  input(
    "trailing-bytes",
    `${file}: ${count(bytes)} at the end belong to no tensor, which the format forbids. ${DOWNLOAD_AGAIN}`,
  );

// ── The shard index and config.json ─────────────────────────────────────────────────────────────────────────────

export const jsonTooLarge = (file: string, bytes: number, limit: number): DenoiseError =>
  input(
    "json-too-large",
    `${file}: is ${count(bytes)} long, more than the ${count(limit)} such a file may have.`,
  );

export const indexNotJson = (file: string, cause: unknown): DenoiseError =>
  input("index-not-json", `${file}: is not valid JSON. ${DOWNLOAD_AGAIN}`, cause);

export const indexMalformed = (file: string, detail: string): DenoiseError =>
  input("index-malformed", `${file}: not a shard index: ${detail}.`);

export const shardOutside = (file: string, tensor: string, shard: string): DenoiseError =>
  input(
    "shard-outside",
    `${file}: puts tensor ${shown(tensor)} into ${shown(shard)}, which is outside the checkpoint's folder. ` +
      "Shards must lie beside their index.",
  );

export const shardMissing = (file: string, tensor: string, shard: string): DenoiseError =>
  input(
    "shard-missing",
    `${file}: tensor ${shown(tensor)} is in the shard ${shown(shard)}, which is not there. ` +
      "Download the missing file into the folder.",
  );

export const notInShard = (file: string, tensor: string, shard: string): DenoiseError =>
  input(
    "not-in-shard",
    `${file}: tensor ${shown(tensor)} should be in ${shown(shard)}, but that file does not hold it. ` +
      "Index and shards are from different versions: download the whole folder again.",
  );

export const inTwoShards = (
  file: string,
  tensor: string,
  shards: readonly [string, string],
): DenoiseError =>
  input(
    "in-two-shards",
    `${file}: tensor ${shown(tensor)} is in ${shown(shards[0])} and in ${shown(shards[1])}, and the index does not ` +
      "say which one counts.",
  );

export const configNotJson = (file: string, cause: unknown): DenoiseError =>
  input("config-not-json", `${file}: is not valid JSON. Download it again.`, cause);

// ── Reading tensors ─────────────────────────────────────────────────────────────────────────────────────────────

export const fileChanged = (file: string): DenoiseError =>
  input(
    "file-changed",
    `${file}: was changed by another program while it was in use. Start again when nothing writes to it.`,
  );

export const noSuchTensor = (root: string, tensor: string): DenoiseError =>
  input(
    "no-such-tensor",
    `${root}: has no tensor ${shown(tensor)}. "inspect" lists what is there.`,
  );

export const notFloat = (file: string, tensor: string, dtype: string): DenoiseError =>
  input(
    "not-float",
    `${file}: tensor ${shown(tensor)} has the dtype ${dtype}, which cannot be read as float32 weights ` +
      "(F64, F32, F16, BF16 and the F8 types can).",
  );

export const noStatistics = (file: string, tensor: string, dtype: string): DenoiseError =>
  input(
    "no-statistics",
    `${file}: tensor ${shown(tensor)} has the dtype ${dtype}, which has no statistics here.`,
  );

export const badRange = (file: string, tensor: string, detail: string): DenoiseError =>
  failed("bad-range", `${file}: cannot read that part of tensor ${shown(tensor)}: ${detail}.`);

export const closed = (root: string): DenoiseError =>
  failed("closed", `${root}: the checkpoint was closed while it was still being read.`);

export const bigEndianHost = (): DenoiseError =>
  failed(
    "big-endian-host",
    "This machine is big-endian, safetensors data is little-endian: not supported.",
  );

export const cancelled = (): DenoiseError =>
  coded("checkpoint", "cancelled")("cancelled", "Cancelled.");
