/** The work of a whole run, piece by piece as its progress counts them: what the plan adds up and the bar is weighed by. */
import { staysResident } from "./deviceMemory.ts";
import { commitWork, layerWork, modelWork, readLayerWork, type RunSize } from "./estimate.ts";
import type { Stage } from "./events.ts";
import { measuredLabels, measuredPart, UNROTATED } from "./measured.ts";
import { scopes } from "./recipe.ts";
import type { Scored } from "./scored.ts";
import { sum, times, type Work } from "./work.ts";

/** A piece of a run. */
export interface Piece {
  readonly stage: Stage;
  /** Null outside the layers. */
  readonly layer: number | null;
  /** Which of those that a stage outside the layers does one after the other. */
  readonly part?: string;
}

interface StageWork extends Piece {
  readonly work: Work;
}

/** What a piece should take. */
export interface StageSeconds extends Piece {
  readonly seconds: number;
}

export interface WholeRun extends RunSize {
  readonly scored: readonly Scored[];
}

export function runWork(run: WholeRun): StageWork[] {
  const { shape, layers, recipe } = run;
  const work = layerWork(run);
  const all = (stage: Stage, of: Work): StageWork => ({ stage, layer: null, work: of });
  const inLayers = scopes(recipe.rotation, layers).flatMap(([first, end]): StageWork[] => {
    const count = end - first;
    // Where a scope's layers do not stay on the device, every step reads them.
    const read = count === 1 || staysResident(shape, count) ? 0 : recipe.steps;
    const learned = times(count, sum(work.rotate, times(read, readLayerWork(shape))));
    const own = Array.from({ length: count }, (_, i) => first + i).flatMap((layer): StageWork[] => [
      { stage: "collect", layer, work: work.collect },
      { stage: "prune", layer, work: work.prune },
      // Nobody reads what leaves the last one.
      ...(layer + 1 < layers ? [{ stage: "propagate", layer, work: work.propagate } as const] : []),
    ]);
    return [{ stage: "rotate", layer: first, work: learned }, ...own];
  });
  return [
    all("embed", work.embed),
    all("collect", times(layers, work.profile)),
    ...inLayers,
    all("commit", commitWork(run)),
    ...measuring(run),
  ];
}

/** What the models of the report are measured by, and the one that is made for it. */
function measuring(run: WholeRun): StageWork[] {
  const { recipe, scored } = run;
  const stage = "evaluate";
  const measured = scored.flatMap((by): StageWork[] =>
    measuredLabels(recipe, by.baseline).map((label) => {
      return { stage, layer: null, part: measuredPart(by.by, label), work: modelWork(run, by) };
    }),
  );
  if (!scored.some(({ baseline }) => baseline)) return measured;
  const rotation = { kind: "none" } as const;
  const plain = { ...recipe, rotation, steps: 0, regroup: false };
  const pieces = runWork({ ...run, recipe: plain, scored: [] });
  const work = sum(...pieces.map((piece) => piece.work));
  return [{ stage, layer: null, part: UNROTATED, work }, ...measured];
}
