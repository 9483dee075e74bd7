/** Documents of corpus files, whatever their format, one after the other and never a whole corpus in memory. */
import { readBytes } from "./bytes.ts";
import * as errors from "./errors.ts";
import { parseRecord } from "./jsonLines.ts";
import { readParquet } from "./parquet.ts";
import { decodeUtf8 } from "./utf8.ts";

export interface Document {
  /** As the file has it: line ends and spaces included, without a leading byte order mark. May be empty. */
  readonly text: string;
  /** The file it came from, as given. */
  readonly source: string;
}

export interface ReadOptions {
  /** Name of the JSON field or Parquet column that holds the text; `text` unless given. */
  readonly field?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** A plain text longer than this is read only so far (in UTF-16 units, cut between characters). */
  readonly plainTextLimit?: number | undefined;
}

/**
 * Largest document and longest line of a JSON file, in UTF-16 units: about what can be tokenised as one within Node's
 * default heap, and well below V8's longest string.
 */
export const DOCUMENT_LIMIT = 2 ** 26;

/**
 * The documents of `files` in order. By name: `.jsonl`, `.ndjson` and `.json` hold one JSON object a line, `.parquet`
 * one document a row, anything else is one plain text; `.gz` behind the first and last kinds means gzip. A JSON
 * null or an absent Parquet value is no document and skipped; an empty text is one, as in WikiText.
 *
 * @throws text/file-missing, text/file-unreadable, text/not-a-file, text/empty, text/not-utf8, text/gzip-damaged,
 *   text/document-too-large, text/malformed-line, text/field-missing, text/field-not-text, text/parquet-damaged,
 *   text/cancelled
 */
export async function* readDocuments(
  files: readonly string[],
  options: ReadOptions = {},
): AsyncGenerator<Document> {
  for (const source of files) {
    let any = false;
    for await (const text of textsOf(source, options)) {
      if (options.signal?.aborted) throw errors.cancelled();
      any = true;
      yield { text, source };
    }
    if (!any) throw errors.empty(source, "text");
  }
}

function textsOf(file: string, options: ReadOptions): AsyncGenerator<string> {
  const { field = "text", signal, plainTextLimit = Infinity } = options;
  const name = file.toLowerCase();
  if (name.endsWith(".parquet")) return readParquet(file, field, signal);
  const text = decodeUtf8(file, readBytes(file, signal));
  return /\.(jsonl|ndjson|json)(\.gz)?$/.test(name)
    ? jsonDocuments(file, text, field)
    : plainText(file, text, plainTextLimit);
}

async function* plainText(
  file: string,
  chunks: AsyncIterable<string>,
  limit: number,
): AsyncGenerator<string> {
  const parts: string[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    if (length + chunk.length >= limit) {
      parts.push(cutAt(chunk, limit - length));
      break;
    }
    length += chunk.length;
    if (length > DOCUMENT_LIMIT) throw errors.documentTooLarge(file, DOCUMENT_LIMIT);
    parts.push(chunk);
  }
  const text = parts.join("");
  if (text !== "") yield text;
}

/** The first `length` UTF-16 units of `text`, one fewer where the cut would part a surrogate pair. */
function cutAt(text: string, length: number): string {
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? length - 1 : length);
}

async function* jsonDocuments(
  file: string,
  chunks: AsyncIterable<string>,
  field: string,
): AsyncGenerator<string> {
  let number = 0;
  for await (const line of lines(file, chunks)) {
    number++;
    // Blank lines, as at the end of many files, are no records; `trim` also drops the \r of \r\n.
    if (line.trim() === "") continue;
    const text = parseRecord(file, number, line, field);
    if (text !== null) yield text;
  }
}

/** Lines without their line feed. @throws text/document-too-large */
export async function* lines(file: string, chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let open: string[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf("\n"); end >= 0; end = chunk.indexOf("\n", start)) {
      open.push(chunk.slice(start, end));
      yield open.join("");
      open = [];
      length = 0;
      start = end + 1;
    }
    length += chunk.length - start;
    if (length > DOCUMENT_LIMIT) throw errors.documentTooLarge(file, DOCUMENT_LIMIT);
    open.push(chunk.slice(start));
  }
  yield open.join("");
}
