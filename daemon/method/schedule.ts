/**
 * How a rotation is learned, as data: phases one after the other, each with an objective and a cosine of its own.
 */
import type { Objective } from "../vocabulary.ts";
import type { Criterion } from "./problem.ts";

export interface Phase {
  readonly objective: Objective;
  /** Part of all steps; the phases' shares add up to 1. */
  readonly share: number;
  /** Factor on the learning rate. */
  readonly rate: number;
  /**
   * Anneals the pruned mass' temperature geometrically between the two. Losses at different temperatures do not
   * compare, so such a phase ends with its last rotation, not with its best.
   */
  readonly temperature?: { readonly from: number; readonly to: number } | undefined;
}

/**
 * Entropy throughout, as in the paper; or the pruned mass, its choice softened at first so that the descent is not
 * caught by the mask it starts with. At T = 2 entries count by their rank over orders of magnitude, much as in the
 * entropy; at 0.1 only those within a few percent of the border between pruned and kept are undecided.
 */
export const DEFAULT_PHASES: Readonly<Record<Objective, readonly Phase[]>> = {
  entropy: [{ objective: "entropy", share: 1, rate: 1 }],
  "pruned-mass": [
    { objective: "pruned-mass", share: 1, rate: 1, temperature: { from: 2, to: 0.1 } },
  ],
};

/** 0.1 was best at d = 64; a step's length is about `2 η √d`, so the same length elsewhere is η ∝ 1/√d. */
export function defaultLearningRate(d: number): number {
  return 0.1 * Math.sqrt(64 / d);
}

/** Steps of each phase: together exactly `steps`. */
export function phaseSteps(phases: readonly Phase[], steps: number): number[] {
  let share = 0;
  let before = 0;
  return phases.map((phase, i) => {
    share += phase.share;
    // A share such as 0.3 is not exact in binary: 0.3 · 200 must not become 59.
    const end = i === phases.length - 1 ? steps : Math.floor(share * steps + 1e-9);
    const count = end - before;
    before = end;
    return count;
  });
}

/** Cosine from 1 to 0 over a phase. */
export function cosine(step: number, steps: number): number {
  return 0.5 * (1 + Math.cos((Math.PI * step) / steps));
}

/** What a phase minimises at a step. */
export function criterionAt(
  { objective, temperature }: Phase,
  step: number,
  steps: number,
): Criterion {
  if (objective === "entropy") return { objective };
  if (temperature === undefined) return { objective, temperature: 0 };
  const { from, to } = temperature;
  return { objective, temperature: from * (to / from) ** (step / steps) };
}
