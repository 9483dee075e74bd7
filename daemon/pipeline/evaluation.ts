/** The perplexities of a report, all on the same windows. */
import type { Model } from "../model/index.ts";
import type { PerplexityRow } from "../report.ts";
import {
  checkVocabulary,
  evaluationWindows,
  largestId,
  loadTokenizer,
  type SourceFile,
} from "../text/index.ts";
import { perplexity } from "./evaluate.ts";
import { measuredLabels, measuredPart, withMeasured, type Measured } from "./measured.ts";
import type { PruneOptions } from "./options.ts";
import { DEFAULTS } from "./recipe.ts";
import type { Run } from "./run.ts";

export interface Evaluation {
  readonly windows: readonly Int32Array[];
  readonly seqLen: number;
  readonly tokens: number;
  readonly textSha256: string;
  readonly files: readonly SourceFile[];
  readonly baseline: boolean;
}

export const defaultEvaluationSeqLen = (model: Model): number =>
  Math.min(DEFAULTS.seqLen, model.config.maxPositions);

/** Reads the evaluation text before any work, so that a bad file is told at once. */
export async function evaluationOf(
  options: PruneOptions,
  model: Model,
  signal: AbortSignal,
): Promise<Evaluation | null> {
  const asked = options.evaluation;
  if (!asked) return null;
  const tokenizer = await loadTokenizer(model.checkpoint.root);
  const seqLen = asked.seqLen ?? defaultEvaluationSeqLen(model);
  const { field } = options;
  const { maxWindows } = asked;
  const set = await evaluationWindows(tokenizer, asked.files, {
    seqLen,
    maxWindows,
    field,
    signal,
  });
  checkVocabulary(largestId(set.windows.map(largestId)), model.config.vocabSize, tokenizer.file);
  return { ...set, baseline: rotates(options) && (asked.baseline ?? true) };
}

/** Without a rotation the result is its own baseline. */
export const rotates = ({ rotation }: PruneOptions): boolean => rotation?.kind !== "none";

export async function measurePerplexities(
  run: Run,
  evaluation: Evaluation,
  measured: Measured,
): Promise<readonly PerplexityRow[]> {
  const known = await run.work.readPerplexity();
  const { windows, tokens, seqLen, textSha256 } = evaluation;
  const { signal, work } = run;
  const rows: PerplexityRow[] = [];
  for (const label of measuredLabels(run.recipe, evaluation.baseline)) {
    let row = known.find((other) => other.label === label && sameText(other, evaluation));
    if (row) run.progress.skipPart("evaluate", measuredPart("perplexity", label));
    else {
      const which = ["perplexity", label] as const;
      const found = await withMeasured(run, which, measured, (model, onProgress) =>
        perplexity(model, windows, signal, onProgress, work.path),
      );
      const length = windows.length;
      row = { label, perplexity: found.perplexity, tokens, windows: length, seqLen, textSha256 };
    }
    rows.push(row);
    run.listener({ type: "perplexity", row });
    await work.writePerplexity(rows);
  }
  return rows;
}

const sameText = (row: PerplexityRow, e: Evaluation): boolean =>
  row.textSha256 === e.textSha256 && row.seqLen === e.seqLen && row.windows === e.windows.length;
