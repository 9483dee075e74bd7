/** One line of a JSON Lines file. */
import { shellWord } from "../wording.ts";
import * as errors from "./errors.ts";

/**
 * Text of one record, null where it has none.
 *
 * @param number the line's number, from 1
 * @throws text/malformed-line, text/field-missing, text/field-not-text
 */
export function parseRecord(
  file: string,
  number: number,
  line: string,
  field: string,
): string | null {
  const record = parseObject(file, number, line, `{"${field}": "…"}`);
  const place = `${file}, line ${number}`;
  if (!Object.hasOwn(record, field)) throw errors.fieldMissing(place, field, Object.keys(record));
  const value = record[field];
  if (value === null || typeof value === "string") return value;
  throw errors.fieldNotText(place, field, kind(value));
}

/**
 * The object that one line holds.
 *
 * @param number the line's number, from 1
 * @param example what such an object looks like, for the message
 * @throws text/malformed-line
 */
export function parseObject(
  file: string,
  number: number,
  line: string,
  example: string,
): Readonly<Record<string, unknown>> {
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const hint =
      line.trim() === "[" ? arrayHint(file) : line.trim() === "{" ? objectHint(file) : "";
    throw errors.malformedLine(file, number, `not one JSON value (${reason}).${hint}`, cause);
  }
  if (typeof record !== "object" || record === null || Array.isArray(record)) {
    const hint = Array.isArray(record) ? arrayHint(file) : "";
    throw errors.malformedLine(
      file,
      number,
      `${kind(record)} where an object is needed, such as ${example}.${hint}`,
    );
  }
  return record as Record<string, unknown>;
}

const arrayHint = (file: string) =>
  ` Each line must be an object of its own; a file that is one array becomes that with: jq -c '.[]' ${shellWord(file)}`;
const objectHint = (file: string) =>
  ` Each line must be a whole object; one spread over lines becomes that with: jq -c . ${shellWord(file)}`;

function kind(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
