/** What the models of a report are measured on, in numbers: for what it takes. */
import type { Inputs } from "./inputs.ts";
import type { Yardstick } from "./measured.ts";
import { uniqueSequences } from "./scoreBatches.ts";

export interface Scored {
  readonly by: Yardstick;
  /** Sequences that a model reads, and the longest of them. */
  readonly windows: number;
  readonly seqLen: number;
  readonly tokens: number;
  /** Positions whose next token is predicted. */
  readonly predicted: number;
  /** Whether the model that was pruned without rotation is measured too. */
  readonly baseline: boolean;
}

export function scoredBy({ evaluation, tasks }: Pick<Inputs, "evaluation" | "tasks">): Scored[] {
  const scored: Scored[] = [];
  if (evaluation) {
    const { seqLen, baseline } = evaluation;
    const windows = evaluation.windows.length;
    const predicted = windows * (seqLen - 1);
    scored.push({
      by: "perplexity",
      windows,
      seqLen,
      tokens: windows * seqLen,
      predicted,
      baseline,
    });
  }
  if (tasks) {
    const { inputs } = tasks.asked;
    const lengths = uniqueSequences(inputs).map(({ input }) => input.length);
    scored.push({
      by: "tasks",
      windows: lengths.length,
      seqLen: lengths.reduce((most, length) => Math.max(most, length), 0),
      tokens: lengths.reduce((sum, length) => sum + length, 0),
      predicted: inputs.reduce((sum, { targets }) => sum + targets.length, 0),
      baseline: tasks.baseline,
    });
  }
  return scored;
}
