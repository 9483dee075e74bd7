/**
 * The perplexities of a report: dense, pruned without rotation, and the result, all on the same windows. Rotation can
 * hurt, so the unrotated baseline is measured by really pruning once more, not assumed.
 */
import { openCheckpoint } from "../checkpoint/index.ts";
import { openModel, type Model } from "../model/index.ts";
import type { PerplexityRow } from "../report.ts";
import { checkVocabulary, evaluationWindows, largestId, loadTokenizer } from "../text/index.ts";
import { perplexity } from "./evaluate.ts";
import type { PruneOptions } from "./options.ts";
import { DEFAULTS } from "./recipe.ts";
import type { Run } from "./run.ts";

export interface Evaluation {
  readonly windows: readonly Int32Array[];
  readonly seqLen: number;
  readonly tokens: number;
  readonly textSha256: string;
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
  const rotates = options.rotation?.kind !== "none";
  return { ...set, baseline: rotates && (asked.baseline ?? true) };
}

/** The folders to measure: finished when they are asked for. */
export interface Measured {
  readonly result: string;
  /** Prunes without rotation, telling the share done, and returns the folder. */
  readonly unrotated: (onProgress: (share: number) => void) => Promise<string>;
}

/** Share of the time of a baseline's row that its pruning takes, for the progress bar. */
const PRUNING_SHARE = 0.8;

export async function measurePerplexities(
  run: Run,
  evaluation: Evaluation,
  { result, unrotated }: Measured,
): Promise<readonly PerplexityRow[]> {
  run.progress.start("evaluate");
  const known = await run.work.readPerplexity();
  const own = run.recipe.rotation.kind === "none" ? "pruned" : "rotated + pruned";
  const labels: readonly PerplexityRow["label"][] = evaluation.baseline
    ? ["dense", "pruned", own]
    : ["dense", own];
  const rows: PerplexityRow[] = [];
  for (const [n, label] of labels.entries()) {
    const tell = (share: number) => {
      run.progress.at((n + share) / labels.length);
    };
    const measure = async (): Promise<number> => {
      if (label === "dense") return perplexityOf(run, run.model, evaluation, tell);
      if (label === own) return perplexityOfFolder(run, result, evaluation, tell);
      const folder = await unrotated((share) => {
        tell(share * PRUNING_SHARE);
      });
      return perplexityOfFolder(run, folder, evaluation, (share) => {
        tell(PRUNING_SHARE + share * (1 - PRUNING_SHARE));
      });
    };
    const row = known.find((other) => other.label === label && sameText(other, evaluation)) ?? {
      label,
      perplexity: await measure(),
      tokens: evaluation.tokens,
      windows: evaluation.windows.length,
      seqLen: evaluation.seqLen,
      textSha256: evaluation.textSha256,
    };
    rows.push(row);
    run.listener({ type: "perplexity", row });
    await run.work.writePerplexity(rows);
  }
  return rows;
}

const sameText = (row: PerplexityRow, e: Evaluation): boolean =>
  row.textSha256 === e.textSha256 && row.seqLen === e.seqLen && row.windows === e.windows.length;

async function perplexityOfFolder(
  run: Run,
  folder: string,
  evaluation: Evaluation,
  onProgress: (share: number) => void,
): Promise<number> {
  const checkpoint = await openCheckpoint(folder, { signal: run.signal });
  try {
    return await perplexityOf(run, openModel(checkpoint), evaluation, onProgress);
  } finally {
    await checkpoint.close();
  }
}

async function perplexityOf(
  run: Run,
  model: Model,
  { windows }: Evaluation,
  onProgress: (share: number) => void,
): Promise<number> {
  const { signal, work } = run;
  return (await perplexity(model, windows, signal, onProgress, work.path)).perplexity;
}
