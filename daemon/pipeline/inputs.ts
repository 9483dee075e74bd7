/** What a run reads before its work: everything that can be wrong with texts is told at once. */
import type { Model } from "../model/index.ts";
import type { Recipe } from "../report.ts";
import {
  checkVocabulary,
  largestId,
  loadTokenizer,
  sampleCalibration,
  type CalibrationSet,
} from "../text/index.ts";
import { askTasks, type AskedTasks } from "./askTasks.ts";
import { evaluationOf, rotates, type Evaluation } from "./evaluation.ts";
import type { PruneOptions } from "./options.ts";
import { calibrationFiles } from "./recipe.ts";

export interface Inputs {
  /** Null for magnitude, which looks at no activations. */
  readonly calibration: CalibrationSet | null;
  readonly evaluation: Evaluation | null;
  readonly tasks: { readonly asked: AskedTasks; readonly baseline: boolean } | null;
}

/**
 * @param toBeFetched whether the calibration text is not there yet, and not looked at
 * @throws `text/…`, `tasks/…`, pipeline/no-calibration
 */
export async function readInputs(
  options: PruneOptions,
  model: Model,
  recipe: Recipe,
  signal: AbortSignal,
  toBeFetched = false,
): Promise<Inputs> {
  const { root } = model.checkpoint;
  const { samples, seqLen, sampling, seed } = recipe;
  const { field } = options;
  let calibration: CalibrationSet | null = null;
  if (recipe.method !== "magnitude" && !toBeFetched) {
    const files = calibrationFiles(options, root);
    const tokenizer = await loadTokenizer(root);
    const asked = { samples, seqLen, sampling, seed, field, signal };
    calibration = await sampleCalibration(tokenizer, files, asked);
    const largest = largestId(calibration.windows.map(largestId));
    checkVocabulary(largest, model.config.vocabSize, tokenizer.file);
  }
  return {
    calibration,
    evaluation: await evaluationOf(options, model, signal),
    tasks: options.tasks
      ? {
          asked: await askTasks(model, options.tasks, signal),
          baseline: rotates(options) && (options.tasks.baseline ?? true),
        }
      : null,
  };
}
