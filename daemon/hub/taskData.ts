/**
 * The data of zero-shot tasks: the repositories that the harness names, in the Parquet form that the hub makes of every
 * data set (`refs/convert/parquet`: `<configuration>/<split>/0000.parquet`), so that no data set's own layout matters.
 * Kept in the cache as `tasks/<task>/<split>-00000-of-00001.parquet`, where the tasks room finds it.
 */
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { TaskName } from "../vocabulary.ts";
import { given, text } from "../wording.ts";
import { cacheFolder, fetchIntoCache, type DatasetOptions } from "./cached.ts";
import type { Connection } from "./connection.ts";
import * as errors from "./errors.ts";
import { listRepository } from "./repository.ts";

interface TaskSource {
  readonly repository: string;
  /** Null where the data set has one only. */
  readonly configuration: string | null;
  /** The part that the harness measures on. */
  readonly split: "validation" | "test";
}

const SOURCES: Readonly<Record<TaskName, TaskSource>> = {
  piqa: { repository: "baber/piqa", configuration: null, split: "validation" },
  hellaswag: { repository: "Rowan/hellaswag", configuration: null, split: "validation" },
  arc_easy: { repository: "allenai/ai2_arc", configuration: "ARC-Easy", split: "test" },
  arc_challenge: { repository: "allenai/ai2_arc", configuration: "ARC-Challenge", split: "test" },
  winogrande: {
    repository: "allenai/winogrande",
    configuration: "winogrande_xl",
    split: "validation",
  },
};

const REVISION = "refs/convert/parquet";

/**
 * A folder that holds the data of the tasks, fetched where it is not there yet. Data that a person has put there is
 * taken as it is.
 *
 * @returns what the tasks room takes for `taskData`
 * @throws hub/offline, which names the place; hub/no-task-data; and as {@link fetchIntoCache}
 */
export async function fetchTaskData(
  tasks: readonly TaskName[],
  options: DatasetOptions = {},
): Promise<string> {
  const place = placeOf(options);
  for (const task of await missingTasks(tasks, options)) {
    const folder = join(place, task);
    const source = SOURCES[task];
    await fetchIntoCache(
      {
        repository: source.repository,
        revision: REVISION,
        byHand: text`Without a network: fetch the ${source.split} part of the data set ${source.repository} where there is
            one and put it into ${folder} as ${source.split}.parquet or ${source.split}.jsonl; or name your own
            ${given("tasks.data", "folder")}.`,
        choose: (connection, commit) => chosen(connection, commit, source, folder),
      },
      options,
    );
  }
  return place;
}

const placeOf = (options: DatasetOptions): string => resolve(cacheFolder(options), "tasks");

/** As {@link fetchTaskData} where nothing is to be fetched; null otherwise. Asks no hub. */
export async function taskDataAtHand(
  tasks: readonly TaskName[],
  options: DatasetOptions,
): Promise<string | null> {
  return (await missingTasks(tasks, options)).length === 0 ? placeOf(options) : null;
}

/** Those whose data is not there. */
async function missingTasks(
  tasks: readonly TaskName[],
  options: DatasetOptions,
): Promise<TaskName[]> {
  const missing: TaskName[] = [];
  for (const task of tasks) {
    const names = await readdir(join(placeOf(options), task)).catch(() => []);
    if (!names.some((name) => /\.(parquet|jsonl|jsonl\.gz)$/.test(name))) missing.push(task);
  }
  return missing;
}

async function chosen(
  connection: Connection,
  commit: string,
  { configuration, split }: TaskSource,
  folder: string,
) {
  const files = await listRepository(connection, commit, { recursive: true });
  const parts = files
    .filter(({ path }) => {
      const [config, part, name, ...deeper] = path.split("/");
      const right = configuration === null || config === configuration;
      return right && part === split && deeper.length === 0 && name?.endsWith(".parquet");
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const configurations = new Set(parts.map(({ path }) => path.split("/")[0]));
  if (configurations.size !== 1) throw errors.noTaskData(connection.subject, split);
  const number = (n: number) => String(n).padStart(5, "0");
  return parts.map((file, i) => ({
    file,
    target: join(folder, `${split}-${number(i)}-of-${number(parts.length)}.parquet`),
  }));
}
