/** What each stage of a run weighs in its progress: the seconds it takes. */
import type { Model } from "../model/index.ts";
import type { Recipe } from "../report.ts";
import { evaluationFlops, forwardFlops, layerWork, rotateSeconds } from "./estimate.ts";
import type { Inputs } from "./inputs.ts";
import type { Progress } from "./progress.ts";
import { scopes } from "./recipe.ts";

/** @param speed operations a second (`speedOf`) */
export function weigh(
  progress: Progress,
  model: Model,
  recipe: Recipe,
  { evaluation, tasks }: Pick<Inputs, "evaluation" | "tasks">,
  speed: number,
): void {
  const { shape, layers } = model.config;
  const work = layerWork({ shape, recipe });
  progress.weigh("collect", null, (layers * work.profile) / speed);
  for (const [first, end] of scopes(recipe.rotation, layers)) {
    const learning = work.rotate / speed + rotateSeconds(recipe);
    progress.weigh("rotate", first, (end - first) * learning);
    for (let i = first; i < end; i++) {
      for (const stage of ["collect", "prune", "propagate"] as const) {
        progress.weigh(stage, i, work[stage] / speed);
      }
    }
  }
  const baseline = evaluation?.baseline ?? tasks?.baseline ?? false;
  const { windows, seqLen } = evaluation ?? { windows: [], seqLen: 1 };
  const scored = { windows: windows.length, seqLen, baseline };
  const read = tasks?.asked.inputs.reduce((sum, { input }) => sum + input.length, 0) ?? 0;
  const answers = (baseline ? 3 : 2) * layers * forwardFlops(shape, 1, 1) * read;
  const evaluating =
    evaluation || tasks ? evaluationFlops({ shape, layers, recipe }, scored) + answers : 0;
  progress.weigh("evaluate", null, evaluating / speed);
}
