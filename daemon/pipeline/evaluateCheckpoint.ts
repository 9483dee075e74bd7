/** Perplexity of a checkpoint on a text, as a job of its own. */
import { openBackend } from "../backend/index.ts";
import { openCheckpoint } from "../checkpoint/index.ts";
import { DenoiseError } from "../errors.ts";
import { openModel } from "../model/index.ts";
import { checkVocabulary, evaluationWindows, largestId, loadTokenizer } from "../text/index.ts";
import { cancelled } from "./errors.ts";
import { perplexity } from "./evaluate.ts";
import { defaultEvaluationSeqLen } from "./evaluation.ts";
import type { RunListener } from "./events.ts";
import type { EvaluateOptions } from "./options.ts";

export interface EvaluateResult {
  readonly perplexity: number;
  /** Scored tokens: windows · (seqLen − 1). */
  readonly tokens: number;
  readonly windows: number;
  readonly seqLen: number;
  readonly textSha256: string;
  readonly device: string;
  readonly seconds: number;
}

/** @throws `checkpoint/…`, `model/…`, `text/…` for bad input; pipeline/cancelled */
export async function evaluateCheckpoint(
  options: EvaluateOptions,
  listener: RunListener,
  signal: AbortSignal,
): Promise<EvaluateResult> {
  const start = performance.now();
  const checkpoint = await openCheckpoint(options.checkpoint, { signal });
  try {
    const model = openModel(checkpoint);
    const tokenizer = await loadTokenizer(checkpoint.root);
    const seqLen = options.seqLen ?? defaultEvaluationSeqLen(model);
    if (seqLen > model.config.maxPositions) {
      const text = `Sequence length ${seqLen} is beyond the model's context of ${model.config.maxPositions}.`;
      listener({ type: "note", text });
    }
    const { field, maxWindows } = options;
    const set = await evaluationWindows(tokenizer, options.text, {
      seqLen,
      maxWindows,
      field,
      signal,
    });
    checkVocabulary(largestId(set.windows.map(largestId)), model.config.vocabSize);
    const backend = await openBackend(options.device ?? "auto");
    const { description, reason } = backend;
    listener({ type: "device", description, reason });
    try {
      const { layers } = model.config;
      const result = await perplexity(model, set.windows, signal, (fraction) => {
        listener({ type: "progress", stage: "evaluate", layer: null, layers, fraction });
      });
      return {
        perplexity: result.perplexity,
        tokens: result.tokens,
        windows: set.windows.length,
        seqLen,
        textSha256: set.textSha256,
        device: description,
        seconds: (performance.now() - start) / 1000,
      };
    } finally {
      await backend.dispose();
    }
  } catch (error) {
    if (signal.aborted && !(error instanceof DenoiseError)) throw cancelled(false);
    throw error;
  } finally {
    await checkpoint.close();
  }
}
