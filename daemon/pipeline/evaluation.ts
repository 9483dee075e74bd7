/**
 * The perplexities of a report: dense, pruned without rotation, and the result, all on the same windows. Rotation can
 * hurt, so the unrotated baseline is measured by really pruning once more, not assumed.
 */
import type { Backend } from "../backend/index.ts";
import { openCheckpoint } from "../checkpoint/index.ts";
import { openModel, type Model } from "../model/index.ts";
import type { PerplexityRow } from "../report.ts";
import { checkVocabulary, evaluationWindows, largestId, loadTokenizer } from "../text/index.ts";
import { perplexity } from "./evaluate.ts";
import { silent } from "./events.ts";
import type { PruneOptions } from "./options.ts";
import { pruneOn } from "./prune.ts";
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
  checkVocabulary(largestId(set.windows.map(largestId)), model.config.vocabSize);
  const rotates = options.rotation?.kind !== "none";
  return { ...set, baseline: rotates && (asked.baseline ?? true) };
}

/** @param result folder of the finished output */
export async function measurePerplexities(
  run: Run,
  backend: Backend,
  evaluation: Evaluation,
  result: string,
  options: PruneOptions,
): Promise<readonly PerplexityRow[]> {
  run.progress.start("evaluate");
  const rows = await run.work.readPerplexity();
  const labels: PerplexityRow["label"][] = evaluation.baseline
    ? ["dense", "pruned", "rotated + pruned"]
    : ["dense", run.recipe.rotation.kind === "none" ? "pruned" : "rotated + pruned"];
  const measured: PerplexityRow[] = [];
  for (const [n, label] of labels.entries()) {
    const onProgress = (share: number) => {
      run.progress.at((n + share) / labels.length);
    };
    const known = rows.find((row) => row.label === label && sameText(row, evaluation));
    const row = known ?? {
      label,
      perplexity: await measureOne(run, backend, evaluation, label, result, options, onProgress),
      tokens: evaluation.tokens,
      windows: evaluation.windows.length,
      seqLen: evaluation.seqLen,
      textSha256: evaluation.textSha256,
    };
    measured.push(row);
    run.listener({ type: "perplexity", row });
    await run.work.writePerplexity(measured);
  }
  return measured;
}

const sameText = (row: PerplexityRow, e: Evaluation): boolean =>
  row.textSha256 === e.textSha256 && row.seqLen === e.seqLen && row.windows === e.windows.length;

async function measureOne(
  run: Run,
  backend: Backend,
  { windows }: Evaluation,
  label: PerplexityRow["label"],
  result: string,
  options: PruneOptions,
  onProgress: (share: number) => void,
): Promise<number> {
  const { signal } = run;
  if (label === "dense")
    return (await perplexity(run.model, windows, signal, onProgress)).perplexity;
  const isResult = label === "rotated + pruned" || run.recipe.rotation.kind === "none";
  const folder = isResult ? result : await pruneWithoutRotation(run, backend, options);
  const checkpoint = await openCheckpoint(folder, { signal });
  try {
    return (await perplexity(openModel(checkpoint), windows, signal, onProgress)).perplexity;
  } finally {
    await checkpoint.close();
  }
}

/** The same run with `rotation none`, into the work folder. */
async function pruneWithoutRotation(
  run: Run,
  backend: Backend,
  options: PruneOptions,
): Promise<string> {
  const out = run.work.scratch("unrotated");
  const { output } = await pruneOn(
    backend,
    { ...options, rotation: { kind: "none" }, out, resume: false, evaluation: undefined },
    silent,
    run.signal,
  );
  return output;
}
