/** Zero-shot tasks put to a model: items read and encoded once, answered by as many models as there are. */
import {
  encodeRequest,
  figure,
  findTaskFiles,
  modelInput,
  readItems,
  TASKS,
  type Figure,
  type Item,
  type Metric,
  type ModelInput,
} from "../tasks/index.ts";
import {
  checkVocabulary,
  fingerprint,
  largestId,
  loadTokenizer,
  type SourceFile,
  type Tokenizer,
} from "../text/index.ts";
import type { Model } from "../model/index.ts";
import type { TaskName } from "../vocabulary.ts";
import { noTaskData } from "./errors.ts";
import { scoreContinuations, type ScoreOptions } from "./score.ts";

export interface TaskChoice {
  readonly tasks: readonly TaskName[];
  /** Folder with the data sets' files, or the file of the one task. Where it is left out the caller fetches one. */
  readonly taskData?: string;
  /** Only the first so many items of each task. */
  readonly limit?: number;
}

/** One task, read and encoded. */
interface AskedTask {
  readonly name: TaskName;
  readonly files: readonly SourceFile[];
  readonly items: readonly Item[];
}

export interface AskedTasks {
  readonly tasks: readonly AskedTask[];
  /** Of all tasks in order: one a choice. */
  readonly inputs: readonly ModelInput[];
  readonly tokenizer: Tokenizer;
}

export interface TaskResult {
  readonly task: TaskName;
  /** Version of the harness's task definition. */
  readonly version: string;
  readonly items: number;
  readonly figures: Readonly<Partial<Record<Metric, Figure>>>;
  readonly files: readonly SourceFile[];
}

/** One item's answer, for comparing models item by item. */
export interface TaskSample {
  readonly task: TaskName;
  /** Number of the row, from 0. */
  readonly item: number;
  readonly gold: number;
  /** log P(choice | context), nats, of each choice. */
  readonly logLikelihoods: readonly number[];
}

/** @throws `tasks/…` and `text/…` for data and tokenizers that do not serve */
export async function askTasks(
  model: Model,
  { tasks: names, taskData, limit }: TaskChoice,
  signal: AbortSignal,
): Promise<AskedTasks> {
  if (taskData === undefined) throw noTaskData(names);
  const { maxPositions, vocabSize } = model.config;
  const tokenizer = await loadTokenizer(model.checkpoint.root);
  const tasks: AskedTask[] = [];
  const inputs: ModelInput[] = [];
  for (const [name, paths] of await findTaskFiles(taskData, names)) {
    const items = await readItems(name, paths, limit, signal);
    for (const { requests } of items) {
      // Encoding tens of thousands of requests takes seconds: a cancel must be seen meanwhile.
      if (inputs.length % 64 < requests.length) await new Promise(setImmediate);
      signal.throwIfAborted();
      for (const request of requests) {
        const encoded = encodeRequest(tokenizer, request);
        inputs.push(modelInput(encoded, maxPositions, request.continuation));
      }
    }
    tasks.push({ name, files: (await fingerprint(paths, signal)).files, items });
  }
  const largest = largestId(inputs.flatMap((i) => [largestId(i.input), largestId(i.targets)]));
  checkVocabulary(largest, vocabSize, tokenizer.file);
  return { tasks, inputs, tokenizer };
}

/** @throws as `scoreContinuations` */
export async function answerTasks(
  model: Model,
  { tasks: asked, inputs }: AskedTasks,
  options: ScoreOptions,
): Promise<{ readonly tasks: readonly TaskResult[]; readonly samples: readonly TaskSample[] }> {
  const scores = await scoreContinuations(model, inputs, options);
  const tasks: TaskResult[] = [];
  const samples: TaskSample[] = [];
  let at = 0;
  for (const { name, files, items } of asked) {
    const answers = items.map(({ requests }) => [...scores.slice(at, (at += requests.length))]);
    for (const [item, { gold }] of items.entries()) {
      samples.push({ task: name, item, gold, logLikelihoods: answers[item] ?? [] });
    }
    const { version, metrics } = TASKS[name];
    tasks.push({
      task: name,
      version,
      items: items.length,
      figures: Object.fromEntries(metrics.map((m) => [m, figure(m, items, answers)])),
      files,
    });
  }
  return { tasks, samples };
}
