/** Every failure of the text room. Offsets and lines are those of the uncompressed text, lines counted from 1. */
import { coded } from "../errors.ts";
import { given, text } from "../wording.ts";

const input = coded("text", "input");

export const tokenizerMissing = (folder: string, looked: readonly string[], advice: string) =>
  input(
    "tokenizer-missing",
    `${folder} has no tokenizer: looked for ${looked.join(", ")}. ${advice}`,
  );

export const tokenizerInvalid = (file: string, problem: string, cause?: unknown) =>
  input(
    "tokenizer-invalid",
    `${file} is not a usable tokenizer file: ${problem}. Copy the original model's there again.`,
    cause,
  );

export const tokenizerUnsupported = (file: string, part: string) =>
  input(
    "tokenizer-unsupported",
    `${file} uses ${part}, which this program would apply differently from Hugging Face tokenizers: ` +
      `the token ids, and so every figure, would be wrong. Llama, Qwen2 and Mistral tokenizers do not need it.`,
  );

export const tokenWithoutId = (file: string, position: number) =>
  input(
    "token-without-id",
    `${file} produced a token that has no id (token ${position} of the text) and names no unknown token: ` +
      `the vocabulary is incomplete.`,
  );

export const vocabularyMismatch = (maxId: number, vocabSize: number, file?: string) =>
  input(
    "vocabulary-mismatch",
    `${file ?? "The tokenizer"} produces token id ${maxId}, but the model has embeddings for ids 0 to ${vocabSize - 1} ` +
      `(vocab_size ${vocabSize}): tokenizer and checkpoint do not belong together. Put the checkpoint's own tokenizer beside it.`,
  );

/** Turns an error of the file system into one of ours; anything else is returned as it is. */
export function fromFileSystem(file: string, cause: unknown): Error {
  if (!(cause instanceof Error)) return new Error(String(cause));
  // Only failed system calls carry `syscall`; `code` alone is on other errors too, ours among them.
  if (!("syscall" in cause && "code" in cause)) return cause;
  switch (cause.code) {
    case "ENOENT":
      return input("file-missing", `${file} does not exist.`, cause);
    case "ENOTDIR":
      return input("file-unreadable", `${file} is not a folder, or lies below a file.`, cause);
    case "EISDIR":
      return input("file-unreadable", `${file} is a folder; name its files.`, cause);
    case "EACCES":
    case "EPERM":
      return input("file-unreadable", `${file} may not be read by this user.`, cause);
    default:
      return input("file-unreadable", `${file} cannot be read: ${cause.message}.`, cause);
  }
}

export const notAFile = (file: string) =>
  input(
    "not-a-file",
    `${file} is a pipe or a device. A text is read more than once, so it must be a file: save it as one and name that.`,
  );

export const gzipDamaged = (file: string, cause: unknown) =>
  input(
    "gzip-damaged",
    `${file} is not a complete gzip file: fetch it again, or rename it if it is not compressed.`,
    cause,
  );

export const empty = (file: string, what: string) =>
  input("empty", `${file} is empty: it has no ${what}.`);

export const notUtf8 = (file: string, offset: number, hint: string) =>
  input(
    "not-utf8",
    `${file} is not UTF-8 text: the byte at offset ${offset} is not valid there. ${hint}`,
  );

export const documentTooLarge = (file: string, limit: number) =>
  input(
    "document-too-large",
    `${file} has a document of more than ${limit} characters, more than can be tokenised at once: split it.`,
  );

export const malformedLine = (file: string, line: number, problem: string, cause?: unknown) =>
  input("malformed-line", `${file}, line ${line}: ${problem}`, cause);

export const fieldMissing = (place: string, field: string, present: readonly string[]) =>
  input(
    "field-missing",
    text`${place} has no "${field}"; it has ${present.length === 0 ? "nothing" : present.map((name) => `"${name}"`).join(", ")}.
      Name the one that holds the text ${given("field", "name")}.`,
  );

export const fieldNotText = (place: string, field: string, found: string) =>
  input("field-not-text", `${place}: "${field}" is ${found}, text is needed.`);

export const parquetDamaged = (file: string, cause: unknown) =>
  input(
    "parquet-damaged",
    `${file} cannot be read as Parquet: ${cause instanceof Error ? cause.message : String(cause)}.`,
    cause,
  );

export const notRecords = (file: string) =>
  input(
    "not-records",
    `${file} is not a table by its name: rows are read from .jsonl, .ndjson or .json (one object a line, .gz too) ` +
      `and from .parquet files.`,
  );

export const textTooShort = (
  files: readonly string[],
  found: number,
  needed: number,
  why: string,
) =>
  input(
    "too-short",
    `${files.join(", ")}: the text has ${found} tokens, ${needed} are needed (${why}). Give more text, or ask for fewer or shorter windows.`,
  );

export const cancelled = () =>
  coded("text", "cancelled")("cancelled", "Cancelled while reading text.");
