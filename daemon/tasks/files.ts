/** Finds a task's data in a folder, under the names that data sets and the Hub give their files. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { TaskName } from "../vocabulary.ts";
import * as errors from "./errors.ts";
import { VALIDATION } from "./task.ts";
import { TASKS } from "./tasks.ts";

const TABLE = /\.(jsonl|ndjson|json|parquet|(jsonl|ndjson|json)\.gz)$/i;
/** What the hub room writes beside a file that it fetched is none. */
const isTable = (name: string): boolean => TABLE.test(name) && !name.endsWith(".source.json");
const SPLITS = ["train", "test", ...VALIDATION];
const SHARD = /-\d{5}-of-\d{5}(?=\.)/;

/**
 * Files of each task, shards in order. `place` is one file, or a folder that holds
 *
 * - files named after the task: `piqa.jsonl`, `hellaswag_val.jsonl`, `ARC-Easy-Test.jsonl`, or
 * - folders named after it with the parts of the data set: `winogrande_xl/validation-00000-of-00001.parquet`,
 *   `piqa/data/dev.jsonl`.
 *
 * Of several parts the one counts that the harness measures on; a file that names none is taken for it.
 *
 * @throws tasks/data-missing, tasks/data-ambiguous, tasks/one-file-many-tasks
 */
export async function findTaskFiles(
  place: string,
  names: readonly TaskName[],
): Promise<ReadonlyMap<TaskName, readonly string[]>> {
  const found = await stat(place).catch(() => null);
  const [only] = names;
  if (found?.isFile()) {
    if (names.length > 1) throw errors.oneFileManyTasks(place, names);
    return new Map(only === undefined ? [] : [[only, [place]]]);
  }
  const files = new Map<TaskName, readonly string[]>();
  for (const name of names) files.set(name, await filesIn(place, name));
  return files;
}

async function filesIn(place: string, name: TaskName): Promise<readonly string[]> {
  const { dataNames, splits } = TASKS[name];
  const named = (entry: string) => dataNames.some((dataName) => startsWithWord(entry, dataName));
  const entries = await readdir(place, { withFileTypes: true }).catch(() => []);
  const tables = entries.filter((e) => !e.isDirectory() && isTable(e.name) && named(e.name));
  const ofFolder = tables.map((e) => join(place, e.name));
  const inFolders: string[] = [];
  for (const entry of entries) {
    if (!entry.isDirectory() || !dataNames.some((n) => same(entry.name, n))) continue;
    for (const folder of [join(place, entry.name), join(place, entry.name, "data")]) {
      const inner = await readdir(folder).catch(() => []);
      inFolders.push(...inner.filter(isTable).map((n) => join(folder, n)));
    }
  }
  for (const candidates of [ofFolder, inFolders]) {
    const parts = candidates.filter((file) => hasWord(file, splits));
    const unnamed = candidates.filter((file) => !hasWord(file, SPLITS));
    const chosen = (parts.length > 0 ? parts : unnamed).toSorted();
    if (chosen.length === 0) continue;
    // Shards of one part differ in nothing but their numbers.
    if (new Set(chosen.map((file) => file.replace(SHARD, ""))).size > 1) {
      throw errors.dataAmbiguous(name, chosen);
    }
    return chosen;
  }
  const expected = dataNames.map((n) => `${n}.* or ${n}/${splits[0] ?? ""}*`).join(", ");
  throw errors.dataMissing(name, place, expected);
}

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/** `winogrande` begins `winogrande.jsonl` and `winogrande_val.jsonl`, not `winogrande2.jsonl`. */
const startsWithWord = (text: string, word: string): boolean =>
  same(text.slice(0, word.length), word) && !/[a-z0-9]/i.test(text.charAt(word.length));

/** Whether the file's name has one of `words` as a word of its own. */
const hasWord = (file: string, words: readonly string[]): boolean =>
  file
    .slice(Math.max(file.lastIndexOf("/"), file.lastIndexOf("\\")) + 1)
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .some((word) => words.includes(word));
