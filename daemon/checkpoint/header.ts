/**
 * The header of one safetensors file: bytes → validated tensor table.
 *
 * Format: 8 bytes little-endian header length N, N bytes of JSON that begin with `{` (padded with spaces), then the
 * data, which the tensors cover completely and without overlap. Nothing of a file is believed before it is checked
 * here; the rest of the room relies on it.
 */

import type { DType } from "./dtype.ts";
import { byteCount, elementCount, isDType } from "./dtype.ts";
import { findKeyDefect } from "./duplicateKeys.ts";
import * as errors from "./errors.ts";
import { isRecord } from "./json.ts";

/** The reference implementation's limit. */
export const MAX_HEADER_BYTES = 100_000_000;
/** Bytes of the length field before the header. */
export const LENGTH_BYTES = 8;
/** The one key of a header that is not a tensor. */
export const METADATA_KEY = "__metadata__";

export interface HeaderTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly elements: number;
  readonly bytes: number;
  /** First byte, relative to the start of the data. */
  readonly begin: number;
}

export interface Header {
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of their data. */
  readonly tensors: readonly HeaderTensor[];
}

/**
 * Header length of a file of `fileBytes` bytes from its first 8 bytes (`prefix`).
 * @throws DenoiseError `checkpoint/truncated`, `checkpoint/header-length`
 */
export function parseHeaderLength(prefix: Uint8Array, file: string, fileBytes: number): number {
  if (prefix.byteLength < LENGTH_BYTES) {
    throw errors.truncated(file, LENGTH_BYTES, prefix.byteLength, null);
  }
  const view = new DataView(prefix.buffer, prefix.byteOffset, LENGTH_BYTES);
  const length = view.getBigUint64(0, true);
  if (length < 2n || length > BigInt(MAX_HEADER_BYTES)) throw errors.headerLength(file, length);
  const end = LENGTH_BYTES + Number(length);
  if (end > fileBytes) throw errors.truncated(file, end, fileBytes, null);
  return Number(length);
}

/**
 * Validates the header of `file`: `bytes` is the JSON part, `dataBytes` what follows it in the file.
 * @throws DenoiseError one code per defect, see `errors.ts`
 */
export function parseHeader(bytes: Uint8Array, file: string, dataBytes: number): Header {
  const json = parseJson(bytes, file);
  let metadata: Readonly<Record<string, string>> = {};
  const tensors: HeaderTensor[] = [];
  for (const [name, value] of Object.entries(json)) {
    if (name === METADATA_KEY) metadata = parseMetadata(value, file);
    else tensors.push(parseTensor(name, value, file));
  }
  tensors.sort((a, b) => a.begin - b.begin || a.bytes - b.bytes);
  checkLayout(tensors, file, dataBytes);
  return { metadata, tensors };
}

function parseJson(bytes: Uint8Array, file: string): Record<string, unknown> {
  if (bytes[0] !== 0x7b) throw errors.headerNotObject(file);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw errors.headerNotJson(file, "it is not UTF-8", cause);
  }
  const defect = findKeyDefect(text);
  if (defect === "too-deep") throw errors.headerNotJson(file, "it is nested too deeply");
  if (defect) throw errors.duplicateName(file, defect.duplicate);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw errors.headerNotJson(file, cause instanceof Error ? cause.message : "unreadable", cause);
  }
  if (!isRecord(json)) throw errors.headerNotObject(file);
  return json;
}

function parseMetadata(value: unknown, file: string): Readonly<Record<string, string>> {
  // The reference reads an absent and a null map alike.
  if (value === null) return {};
  if (!isRecord(value)) throw errors.badMetadata(file, "it is not an object");
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => {
      if (typeof entry !== "string") {
        throw errors.badMetadata(file, `${JSON.stringify(key.slice(0, 200))} is not a string`);
      }
      return [key, entry];
    }),
  );
}

function parseTensor(name: string, value: unknown, file: string): HeaderTensor {
  // An unpaired surrogate, possible by a JSON escape, is no Unicode text and could not be written back.
  if (/\p{Surrogate}/u.test(name)) throw errors.headerNotJson(file, "a name is not Unicode text");
  if (!isRecord(value)) throw errors.badEntry(file, name);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string" || shape === undefined || offsets === undefined) {
    throw errors.badEntry(file, name);
  }
  if (!isDType(dtype)) throw errors.unknownDType(file, name, dtype);
  if (!isSizes(shape)) {
    throw errors.badShape(file, name, "is not a list of whole numbers from 0 to 2⁵³ − 1");
  }
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw errors.badOffsets(file, name, "are not two whole numbers from 0 to 2⁵³ − 1");
  }
  const [begin = 0, end = 0] = offsets;
  if (end < begin) throw errors.badOffsets(file, name, `end (${end}) before they begin (${begin})`);

  const elements = elementCount(shape);
  if (elements === null) throw errors.badShape(file, name, "has more than 2⁵³ elements");
  const needed = byteCount(dtype, elements);
  const what = `${dtype} [${shape.slice(0, 8).join(", ")}${shape.length > 8 ? ", …" : ""}]`;
  if (needed === "overflow") throw errors.badShape(file, name, "needs more than 2⁵³ bits");
  if (needed === "misaligned") throw errors.misaligned(file, name, what);
  if (needed !== end - begin) throw errors.sizeMismatch(file, name, what, needed, end - begin);
  return { name, dtype, shape, elements, bytes: needed, begin };
}

const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && (n as number) >= 0);

/** The tensors, in the order of their data, must tile `[0, dataBytes)`. */
function checkLayout(tensors: readonly HeaderTensor[], file: string, dataBytes: number): void {
  let end = 0;
  let previous = "";
  let firstCut: string | null = null;
  for (const { name, begin, bytes } of tensors) {
    if (begin < end) throw errors.overlap(file, name, previous);
    if (begin > end) {
      throw begin > dataBytes
        ? errors.outOfRange(file, name, begin, dataBytes)
        : errors.hole(file, name, begin - end);
    }
    end = begin + bytes;
    if (end > dataBytes) firstCut ??= name;
    previous = name;
  }
  if (end > dataBytes) throw errors.truncated(file, end, dataBytes, firstCut);
  if (end < dataBytes) throw errors.trailingBytes(file, dataBytes - end);
}
