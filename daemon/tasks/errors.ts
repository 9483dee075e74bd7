/** Every failure of the tasks room. */
import { coded } from "../errors.ts";
import { given, text } from "../wording.ts";

const usage = coded("tasks", "usage");
const input = coded("tasks", "input");

export const oneFileManyTasks = (file: string, tasks: readonly string[]) =>
  usage(
    "one-file-many-tasks",
    `${file} is one file, but ${tasks.length} tasks are asked for (${tasks.join(", ")}). Give one task, or the folder ` +
      `that holds the files of all.`,
  );

export const dataMissing = (task: string, place: string, expected: string) =>
  input(
    "data-missing",
    text`${place} has no data for ${task}: looked for ${expected}, ending in .jsonl, .jsonl.gz or .parquet. Put the data
      set's file there, or name it ${given("tasks.data", "file")}.`,
  );

export const dataAmbiguous = (task: string, files: readonly string[]) =>
  input(
    "data-ambiguous",
    text`Several files may be the data of ${task}: ${files.join(", ")}. Name the one that is meant,
      ${given("tasks.data", "file")}.`,
  );

export const badRow = (place: string, task: string, problem: string) =>
  input("bad-row", `${place} is no row of ${task}: ${problem}.`);

export const noItems = (task: string, files: readonly string[]) =>
  input("no-items", `${files.join(", ")}: no rows, so nothing to measure ${task} with.`);

export const emptyContinuation = (continuation: string) =>
  input(
    "empty-continuation",
    `The answer ${JSON.stringify(continuation)} has no tokens of its own behind its question: this tokenizer merges it ` +
      `into the text before it, and so it cannot be scored.`,
  );

export const continuationTooLong = (continuation: string, tokens: number, maxLength: number) =>
  input(
    "continuation-too-long",
    `The answer ${JSON.stringify(`${continuation.slice(0, 60)}…`)} has ${tokens} tokens, more than the model's context ` +
      `of ${maxLength}.`,
  );

export const noPrefixToken = (tokenizerFile: string) =>
  input(
    "no-prefix-token",
    `${tokenizerFile}: an empty context is scored behind the beginning-of-text token, but the tokenizer names neither ` +
      `bos_token nor eos_token. Add one to tokenizer_config.json.`,
  );
