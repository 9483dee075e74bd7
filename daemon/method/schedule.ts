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
  readonly temperature?: Range | undefined;
  /** Part of the cosine that this phase goes through, for one that continues another; the whole unless given. */
  readonly cosine?: Range | undefined;
}

export interface Range {
  readonly from: number;
  readonly to: number;
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

/** Factor of the learning rate at a step: a cosine from 1 to 0 over the phase, or its part of one. */
export function cosineAt({ cosine }: Phase, step: number, steps: number): number {
  const { from, to } = cosine ?? { from: 0, to: 1 };
  return 0.5 * (1 + Math.cos(Math.PI * (from + ((to - from) * step) / steps)));
}

/** Stretches between which an N:M pattern's columns are regrouped (measured: docs/measurements.md). */
const STRETCHES = 4;

/**
 * The learning of an N:M pattern cut into stretches that continue each other, to regroup columns after each. The
 * entropy does not see in which order columns stand, so it is learned in one.
 */
export function regroupedStretches(objective: Objective): readonly (readonly Phase[])[] {
  const [phase, ...others] = DEFAULT_PHASES[objective];
  if (objective === "entropy" || phase?.temperature === undefined || others.length > 0) {
    return [DEFAULT_PHASES[objective]];
  }
  const { from, to } = phase.temperature;
  const at = (x: number): number => from * (to / from) ** x;
  return Array.from({ length: STRETCHES }, (_, k) => {
    const [x, y] = [k / STRETCHES, (k + 1) / STRETCHES];
    const part = { from: x, to: y };
    return [{ ...phase, temperature: { from: at(x), to: at(y) }, cosine: part }];
  });
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
