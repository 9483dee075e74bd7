/** Zero-shot accuracy of a checkpoint on multiple-choice tasks, as a job of its own. */
import type { DeviceRequest } from "../backend/index.ts";
import { HARNESS } from "../tasks/index.ts";
import { fingerprint } from "../text/index.ts";
import {
  answerTasks,
  askTasks,
  type TaskChoice,
  type TaskResult,
  type TaskSample,
} from "./askTasks.ts";
import type { RunListener } from "./events.ts";
import { evaluationProgress, withDevice, withModel } from "./frames.ts";

export interface EvaluateTasksOptions extends TaskChoice {
  readonly checkpoint: string;
  /** Tokens the model reads together; unless given, as many as keep the intermediates small. */
  readonly batchTokens?: number;
  readonly device?: DeviceRequest;
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

/** @throws `checkpoint/…`, `model/…`, `text/…`, `tasks/…` for bad input; pipeline/cancelled */
export async function evaluateTasks(
  options: EvaluateTasksOptions,
  listener: RunListener,
  signal: AbortSignal,
): Promise<EvaluateTasksResult> {
  const start = performance.now();
  return withModel(options.checkpoint, signal, async (model) => {
    const { modelType, layers, maxPositions: maxLength } = model.config;
    const { root } = model.checkpoint;
    const asked = await askTasks(model, options, signal);
    const { inputs, tokenizer } = asked;
    const truncated = inputs.filter((input) => input.truncated).length;
    if (truncated > 0) listener({ type: "note", text: truncationNote(truncated, maxLength) });

    return withDevice(options.device, listener, async ({ description }) => {
      const { batchTokens } = options;
      const onProgress = evaluationProgress(model, listener);
      const answers = await answerTasks(model, asked, { batchTokens, signal, onProgress });
      const { sha256 } = await fingerprint([tokenizer.file], signal);
      return {
        harness: HARNESS,
        fewShot: 0 as const,
        ...answers,
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

const truncationNote = (count: number, maxLength: number): string =>
  `${count} ${count === 1 ? "request is" : "requests are"} longer than the model's context of ${maxLength} tokens and ` +
  `cut at the beginning, as the harness does.`;
