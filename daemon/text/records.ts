/** Rows of a data set's file as they stand: what a row must hold is the caller's to check. */
import { readBytes } from "./bytes.ts";
import { lines } from "./documents.ts";
import * as errors from "./errors.ts";
import { parseObject } from "./jsonLines.ts";
import { readParquetRows } from "./parquet.ts";
import { decodeUtf8 } from "./utf8.ts";

export interface DataRecord {
  readonly value: Readonly<Record<string, unknown>>;
  /** Where it stands, for messages: `<file>, line 3` or `<file>, row 3`, from 1. */
  readonly place: string;
}

/**
 * The rows of `.jsonl`, `.ndjson`, `.json` (one object a line; `.gz` too) and `.parquet` files, in order. Parquet's
 * 64-bit integers come as numbers, as in JSON.
 *
 * @throws text/not-records, text/malformed-line and the file errors of `readDocuments`
 */
export async function* readRecords(file: string, signal?: AbortSignal): AsyncGenerator<DataRecord> {
  const name = file.toLowerCase();
  let number = 0;
  if (name.endsWith(".parquet")) {
    for await (const row of readParquetRows(file, signal)) {
      yield { value: plainObject(row), place: `${file}, row ${++number}` };
    }
  } else if (/\.(jsonl|ndjson|json)(\.gz)?$/.test(name)) {
    for await (const line of lines(file, decodeUtf8(file, readBytes(file, signal)))) {
      number++;
      if (line.trim() === "") continue;
      const value = parseObject(file, number, line, '{"column": "value"}');
      yield { value, place: `${file}, line ${number}` };
    }
  } else {
    throw errors.notRecords(file);
  }
}

function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  // Dates and bytes stay what they are.
  return value?.constructor === Object ? plainObject(value) : value;
}

const plainObject = (row: object): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)]));
