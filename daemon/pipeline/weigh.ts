/** What each stage of a run weighs in its progress: the operations it takes. */
import type { Model } from "../model/index.ts";
import type { Recipe } from "../report.ts";
import { forwardFlops, layerWork } from "./estimate.ts";
import type { Inputs } from "./inputs.ts";
import type { Progress } from "./progress.ts";
import { scopes } from "./recipe.ts";

export function weigh(
  progress: Progress,
  model: Model,
  recipe: Recipe,
  { evaluation, tasks }: Pick<Inputs, "evaluation" | "tasks">,
): void {
  const { shape, layers } = model.config;
  const work = layerWork({ shape, recipe });
  progress.weigh("collect", null, layers * work.profile);
  for (const [first, end] of scopes(recipe.rotation, layers)) {
    progress.weigh("rotate", first, (end - first) * work.rotate);
    for (let i = first; i < end; i++) {
      for (const stage of ["collect", "prune", "propagate"] as const) {
        progress.weigh(stage, i, work[stage]);
      }
    }
  }
  const { windows, seqLen } = evaluation ?? { windows: [], seqLen: 1 };
  const pass = layers * forwardFlops(shape, windows.length, seqLen);
  const withoutRotation = work.collect + work.prune + work.propagate;
  const baseline = evaluation?.baseline ?? tasks?.baseline ?? false;
  const read = tasks?.asked.inputs.reduce((sum, { input }) => sum + input.length, 0) ?? 0;
  const answers = layers * forwardFlops(shape, 1, 1) * read;
  const models = baseline ? 3 : 2;
  progress.weigh(
    "evaluate",
    null,
    models * (pass + answers) + (baseline ? layers * withoutRotation : 0),
  );
}
