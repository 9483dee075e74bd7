/** Zero-shot accuracy of a checkpoint on multiple-choice tasks, as a job of its own. */
import type { DeviceRequest } from "../backend/index.ts";
import {
  encodeRequest,
  figure,
  findTaskFiles,
  HARNESS,
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
import type { TaskName } from "../vocabulary.ts";
import type { RunListener } from "./events.ts";
import { evaluationProgress, withDevice, withModel } from "./frames.ts";
import { scoreContinuations } from "./score.ts";

export interface EvaluateTasksOptions {
  readonly checkpoint: string;
  readonly tasks: readonly TaskName[];
  /** Folder with the data sets' files, or the file of the one task. */
  readonly taskData: string;
  /** Only the first so many items of each task. */
  readonly limit?: number;
  /** Tokens the model reads together; unless given, as many as keep the intermediates small. */
  readonly batchTokens?: number;
  readonly device?: DeviceRequest;
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

export interface EvaluateTasksResult {
  /** Whose prompts, normalisation and token boundaries these are. */
  readonly harness: string;
  readonly fewShot: 0;
  readonly tasks: readonly TaskResult[];
  readonly samples: readonly TaskSample[];
  readonly model: {
    readonly checkpoint: string;
    readonly modelType: string;
    readonly layers: number;
    /** Tokens a request may have; longer ones lose their beginning. */
    readonly maxLength: number;
  };
  readonly tokenizer: {
    readonly file: string;
    readonly sha256: string;
    /** Special tokens that stand before every text. */
    readonly prefix: readonly number[];
  };
  /** Requests (one a choice), and how many of them were longer than the context. */
  readonly requests: number;
  readonly truncated: number;
  readonly device: string;
  readonly seconds: number;
}

/** One task, read and encoded. */
interface Asked {
  readonly name: TaskName;
  readonly files: readonly string[];
  readonly items: readonly Item[];
  readonly inputs: readonly ModelInput[];
}

/** @throws `checkpoint/…`, `model/…`, `text/…`, `tasks/…` for bad input; pipeline/cancelled */
export async function evaluateTasks(
  options: EvaluateTasksOptions,
  listener: RunListener,
  signal: AbortSignal,
): Promise<EvaluateTasksResult> {
  const start = performance.now();
  return withModel(options.checkpoint, signal, async (model) => {
    const { modelType, layers, maxPositions: maxLength, vocabSize } = model.config;
    const { root } = model.checkpoint;
    const tokenizer = await loadTokenizer(root);
    const asked = await readTasks(options, tokenizer, maxLength, signal);
    const inputs = asked.flatMap((task) => task.inputs);
    const largest = largestId(inputs.flatMap((i) => [largestId(i.input), largestId(i.targets)]));
    checkVocabulary(largest, vocabSize, tokenizer.file);
    const truncated = inputs.filter((input) => input.truncated).length;
    if (truncated > 0) listener({ type: "note", text: truncationNote(truncated, maxLength) });

    return withDevice(options.device, listener, async ({ description }) => {
      const { batchTokens } = options;
      const onProgress = evaluationProgress(model, listener);
      const scores = await scoreContinuations(model, inputs, { batchTokens, signal, onProgress });
      const { sha256 } = await fingerprint([tokenizer.file], signal);
      return {
        harness: HARNESS,
        fewShot: 0 as const,
        ...(await results(asked, scores, signal)),
        model: { checkpoint: root, modelType, layers, maxLength },
        tokenizer: { file: tokenizer.file, sha256, prefix: tokenizer.encode("") },
        requests: inputs.length,
        truncated,
        device: description,
        seconds: (performance.now() - start) / 1000,
      };
    });
  });
}

async function readTasks(
  { tasks, taskData, limit }: EvaluateTasksOptions,
  tokenizer: Tokenizer,
  maxLength: number,
  signal: AbortSignal,
): Promise<readonly Asked[]> {
  const asked: Asked[] = [];
  for (const [name, files] of await findTaskFiles(taskData, tasks)) {
    const items = await readItems(name, files, limit, signal);
    const inputs: ModelInput[] = [];
    for (const { requests } of items) {
      // Encoding tens of thousands of requests takes seconds: a cancel must be seen meanwhile.
      if (inputs.length % 64 < requests.length) await new Promise(setImmediate);
      signal.throwIfAborted();
      for (const request of requests) {
        const encoded = encodeRequest(tokenizer, request);
        inputs.push(modelInput(encoded, maxLength, request.continuation));
      }
    }
    asked.push({ name, files, items, inputs });
  }
  return asked;
}

async function results(asked: readonly Asked[], scores: Float64Array, signal: AbortSignal) {
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
      files: (await fingerprint(files, signal)).files,
    });
  }
  return { tasks, samples };
}

const truncationNote = (count: number, maxLength: number): string =>
  `${count} ${count === 1 ? "request is" : "requests are"} longer than the model's context of ${maxLength} tokens and ` +
  `cut at the beginning, as the harness does.`;
