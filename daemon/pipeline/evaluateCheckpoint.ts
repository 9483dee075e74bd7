/** Perplexity of a checkpoint on a text, as a job of its own. */
import { checkVocabulary, evaluationWindows, largestId, loadTokenizer } from "../text/index.ts";
import { perplexity } from "./evaluate.ts";
import { defaultEvaluationSeqLen } from "./evaluation.ts";
import type { RunListener } from "./events.ts";
import { evaluationProgress, withDevice, withModel } from "./frames.ts";
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
  return withModel(options.checkpoint, signal, async (model) => {
    const tokenizer = await loadTokenizer(model.checkpoint.root);
    const seqLen = options.seqLen ?? defaultEvaluationSeqLen(model);
    if (seqLen > model.config.maxPositions) {
      const text = `Sequence length ${seqLen} is beyond the model's context of ${model.config.maxPositions}.`;
      listener({ type: "note", text });
    }
    const { field, maxWindows } = options;
    const asked = { seqLen, maxWindows, field, signal };
    const { windows, textSha256 } = await evaluationWindows(tokenizer, options.text, asked);
    checkVocabulary(largestId(windows.map(largestId)), model.config.vocabSize, tokenizer.file);
    return withDevice(options.device, listener, async ({ description }) => {
      const onProgress = evaluationProgress(model, listener);
      const result = await perplexity(model, windows, signal, onProgress);
      return {
        ...result,
        windows: windows.length,
        seqLen,
        textSha256,
        device: description,
        seconds: (performance.now() - start) / 1000,
      };
    });
  });
}
