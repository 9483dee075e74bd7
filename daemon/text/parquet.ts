/** The text column, or the rows, of a Parquet file, one row group in memory at a time. */
import {
  asyncBufferFromFile,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type AsyncBuffer,
  type FileMetaData,
  type SchemaTree,
} from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { DenoiseError } from "../errors.ts";
import * as errors from "./errors.ts";
import { validPrefix } from "./utf8.ts";

/**
 * Values of the top-level column `column`; absent values are skipped.
 *
 * @throws text/file-missing, text/file-unreadable, text/empty, text/parquet-damaged, text/field-missing,
 *   text/field-not-text, text/not-utf8, text/cancelled
 */
export async function* readParquet(
  path: string,
  column: string,
  signal?: AbortSignal,
): AsyncGenerator<string> {
  const opened = await open(path);
  checkColumn(path, opened.metadata, column);
  const from = `a value of column "${column}"`;
  for await (const row of rowsOf(path, opened, [column], from, signal)) {
    const value: unknown = row[column];
    if (typeof value === "string") yield value;
    else if (value !== null && value !== undefined) {
      throw errors.fieldNotText(path, column, typeof value);
    }
  }
}

/**
 * Whole rows, nested columns as objects and arrays, 64-bit integers as bigint.
 *
 * @throws text/file-missing, text/file-unreadable, text/empty, text/parquet-damaged, text/not-utf8, text/cancelled
 */
export async function* readParquetRows(
  path: string,
  signal?: AbortSignal,
): AsyncGenerator<Readonly<Record<string, unknown>>> {
  yield* rowsOf(path, await open(path), undefined, "a value", signal);
}

interface Opened {
  readonly file: AsyncBuffer;
  readonly metadata: FileMetaData;
}

/**
 * @param columns all unless given
 * @param from what the text of an error calls a value
 */
async function* rowsOf(
  path: string,
  { file, metadata }: Opened,
  columns: string[] | undefined,
  from: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Readonly<Record<string, unknown>>> {
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    if (signal?.aborted) throw errors.cancelled();
    const rowEnd = rowStart + Number(group.num_rows);
    const rows = await attempt(path, () =>
      parquetReadObjects({
        file,
        metadata,
        ...(columns && { columns }),
        rowStart,
        rowEnd,
        compressors,
        parsers: {
          stringFromBytes: (bytes: Uint8Array | undefined) => strict(path, from, bytes),
        },
      }),
    );
    yield* rows;
    rowStart = rowEnd;
  }
}

async function open(path: string): Promise<Opened> {
  return attempt(path, async () => {
    const file = await asyncBufferFromFile(path);
    if (file.byteLength === 0) throw errors.empty(path, "bytes");
    return { file, metadata: await parquetMetadataAsync(file) };
  });
}

/** Whatever goes wrong inside the library is the file's fault; our own errors and the file system's keep their name. */
async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const known = errors.fromFileSystem(path, cause);
    throw known instanceof DenoiseError ? known : errors.parquetDamaged(path, cause);
  }
}

function checkColumn(path: string, metadata: FileMetaData, column: string): void {
  const { children } = parquetSchema(metadata);
  const found = children.find((child) => child.element.name === column);
  if (found === undefined) {
    const names = children.map((child) => child.element.name);
    throw errors.fieldMissing(path, column, names);
  }
  const problem = whyNotText(found);
  if (problem !== null) throw errors.fieldNotText(path, column, problem);
}

function whyNotText({ element, children }: SchemaTree): string | null {
  if (children.length > 0) {
    return `a nested column of ${children.map((child) => `"${child.element.name}"`).join(", ")}`;
  }
  if (element.repetition_type === "REPEATED") return "a repeated column";
  // Texts written by some tools carry no annotation at all; anything annotated must be a string.
  const annotation = element.logical_type?.type ?? element.converted_type ?? "STRING";
  if (element.type === "BYTE_ARRAY" && (annotation === "STRING" || annotation === "UTF8"))
    return null;
  return `a column of type ${element.logical_type?.type ?? element.converted_type ?? element.type ?? "unknown"}`;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The library's own decoder would replace wrong bytes silently. */
function strict(path: string, from: string, bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  try {
    return decoder.decode(bytes);
  } catch {
    throw errors.notUtf8(
      `${path}, ${from},`,
      validPrefix(bytes),
      "The offset counts within the value.",
    );
  }
}
