/** The options of `eval`, and those of tasks that `prune` has too. */
import type { EvaluateOptions, EvaluateTasksOptions, TaskChoice } from "../pipeline/index.ts";
import { TASK_NAMES } from "../vocabulary.ts";
import { nothingToMeasure } from "./errors.ts";
import {
  device,
  flag,
  MANY,
  present,
  refuseWithout,
  text,
  texts,
  value,
  type RawOptions,
} from "./rawOptions.ts";
import { listOf, oneOf, wholeNumber } from "./values.ts";

export interface EvalRequest {
  /** What perplexity is asked for. */
  readonly options: EvaluateOptions | undefined;
  /** What accuracies are asked for. */
  readonly tasks: EvaluateTasksOptions | undefined;
  /** File for every item's log-likelihoods. */
  readonly logSamples: string | undefined;
  readonly json: boolean;
}

/** @throws cli/nothing-to-measure, cli/needs-option, cli/bad-option */
export function parseEval(checkpoint: string, raw: RawOptions): EvalRequest {
  const options = parsePerplexity(checkpoint, raw);
  const tasks = parseTasks(checkpoint, raw);
  if (options === undefined && tasks === undefined) throw nothingToMeasure();
  return { options, tasks, logSamples: text(raw, "logSamples"), json: flag(raw, "json") };
}

function parsePerplexity(checkpoint: string, raw: RawOptions): EvaluateOptions | undefined {
  const files = texts(raw, "text");
  if (files === undefined) {
    refuseWithout("--text <file>", raw, ["field", "seqLen", "maxWindows"]);
    return undefined;
  }
  return {
    checkpoint,
    text: files,
    ...present({
      field: text(raw, "field"),
      seqLen: value(raw, "seqLen", wholeNumber(2, MANY)),
      maxWindows: value(raw, "maxWindows", wholeNumber(1, MANY)),
      device: value(raw, "device", device),
    }),
  };
}

export function parseTaskChoice(raw: RawOptions): TaskChoice | undefined {
  const tasks = value(raw, "tasks", listOf(oneOf(...TASK_NAMES)));
  if (tasks === undefined) {
    refuseWithout("--tasks <names>", raw, ["taskData", "limit"]);
    return undefined;
  }
  const limit = value(raw, "limit", wholeNumber(1, MANY));
  return { tasks, ...present({ taskData: text(raw, "taskData"), limit }) };
}

function parseTasks(checkpoint: string, raw: RawOptions): EvaluateTasksOptions | undefined {
  const choice = parseTaskChoice(raw);
  if (choice === undefined) {
    refuseWithout("--tasks <names>", raw, ["batchTokens", "logSamples"]);
    return undefined;
  }
  return {
    checkpoint,
    ...choice,
    ...present({
      batchTokens: value(raw, "batchTokens", wholeNumber(1, 1000 * MANY)),
      device: value(raw, "device", device),
    }),
  };
}
