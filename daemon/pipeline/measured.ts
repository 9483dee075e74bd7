/**
 * The models that a report compares: dense, pruned without rotation, and the result. Rotation can hurt, so the
 * unrotated baseline is measured by really pruning once more, not assumed.
 */
import { openCheckpoint } from "../checkpoint/index.ts";
import { openModel, type Model } from "../model/index.ts";
import type { ModelLabel } from "../report.ts";
import type { Run } from "./run.ts";

/** The folders to measure: finished when they are asked for. */
export interface Measured {
  readonly result: string;
  /** Prunes without rotation where that has not been done yet, telling the share done, and returns the folder. */
  readonly unrotated: (onProgress: (share: number) => void) => Promise<string>;
}

/** Share of the time of a baseline's row that its pruning takes, for the progress bar. */
const PRUNING_SHARE = 0.8;

const ownLabel = (run: Run): ModelLabel =>
  run.recipe.rotation.kind === "none" ? "pruned" : "rotated + pruned";

/** @param baseline whether the unrotated model is among them */
export const measuredLabels = (run: Run, baseline: boolean): readonly ModelLabel[] =>
  baseline ? ["dense", "pruned", ownLabel(run)] : ["dense", ownLabel(run)];

/** Opens one of the models for `use`. */
export async function withMeasured<T>(
  run: Run,
  label: ModelLabel,
  { result, unrotated }: Measured,
  tell: (share: number) => void,
  use: (model: Model, tell: (share: number) => void) => Promise<T>,
): Promise<T> {
  if (label === "dense") return use(run.model, tell);
  const own = label === ownLabel(run);
  const folder = own
    ? result
    : await unrotated((share) => {
        tell(share * PRUNING_SHARE);
      });
  const checkpoint = await openCheckpoint(folder, { signal: run.signal });
  try {
    return await use(openModel(checkpoint), (share) => {
      tell(own ? share : PRUNING_SHARE + share * (1 - PRUNING_SHARE));
    });
  } finally {
    await checkpoint.close();
  }
}
