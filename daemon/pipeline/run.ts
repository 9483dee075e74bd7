/** What the steps of one run share. */
import type { WeightDType } from "../checkpoint/index.ts";
import type { Model, SequenceContext } from "../model/index.ts";
import type { Fallback, Recipe } from "../report.ts";
import type { FoldedLayers } from "./denseLayer.ts";
import type { RunListener } from "./events.ts";
import type { Budget } from "./profile.ts";
import type { Progress } from "./progress.ts";
import type { WorkFolder } from "./workFolder.ts";

export interface Run {
  readonly model: Model;
  readonly recipe: Recipe;
  readonly dense: FoldedLayers;
  /** How many weights each layer and matrix has to give. */
  readonly budget: Budget;
  /** How the output stores a weight tensor. */
  readonly dtypeOf: (name: string) => WeightDType;
  readonly work: WorkFolder;
  /** Tables for calibration windows. */
  readonly context: SequenceContext;
  readonly progress: Progress;
  readonly listener: RunListener;
  readonly signal: AbortSignal;
}

/** Collects the fallbacks of a layer and tells each at once. */
export function fallbackLog(run: Run): { log: Fallback[]; note: (fallback: Fallback) => void } {
  const log: Fallback[] = [];
  return {
    log,
    note(fallback) {
      log.push(fallback);
      run.listener({ type: "fallback", fallback });
    },
  };
}
