/** The curves behind the chart of learning: which layers share one, and what each step says of each figure. */
import { extent } from "d3";
import type { CurvePoint, LayerReport } from "../../daemon/report.ts";
import { type Objective, OBJECTIVES } from "../../daemon/vocabulary.ts";

export type CurveLayer = Pick<LayerReport, "index" | "curve">;

/** One learned R1: the layers that share it and its losses. */
export interface LearnedCurve {
  readonly first: number;
  readonly last: number;
  readonly points: readonly CurvePoint[];
}

/** One figure over the steps at which it is known, whether it was minimised there or only looked at. */
export interface Series {
  readonly figure: Objective;
  /** It was the loss at one of the steps at least. */
  readonly minimised: boolean;
  readonly from: number;
  readonly to: number;
}

export interface SeriesPoint {
  readonly step: number;
  readonly value: number;
}

/** Consecutive layers with the same curve share one R1 and become one line. */
export function learnedCurves(layers: readonly CurveLayer[]): LearnedCurve[] {
  const learned: LearnedCurve[] = [];
  for (const { index, curve } of layers) {
    if (curve.length === 0) continue;
    const previous = learned.at(-1);
    if (previous?.last === index - 1 && same(previous.points, curve)) {
      learned[learned.length - 1] = { ...previous, last: index };
    } else {
      learned.push({ first: index, last: index, points: curve });
    }
  }
  return learned;
}

function same(a: readonly CurvePoint[], b: readonly CurvePoint[]): boolean {
  return (
    a.length === b.length &&
    a.every((p, i) => {
      const q = b[i];
      return q?.step === p.step && q.loss === p.loss && q.objective === p.objective;
    })
  );
}

/** The loss where the figure is the objective; the entropy also where it was computed beside another. */
export function seriesPoints(
  points: readonly CurvePoint[],
  figure: Objective,
): readonly SeriesPoint[] {
  return points.flatMap(({ step, objective, loss, entropy }) => {
    const value = objective === figure ? loss : figure === "entropy" ? entropy : undefined;
    return value === undefined ? [] : [{ step, value }];
  });
}

/** Every figure that any step knows: in the order in which they begin, what is minimised before what is looked at. */
export function seriesOf(learned: readonly LearnedCurve[]): Series[] {
  return OBJECTIVES.flatMap((figure) => {
    const steps = learned.flatMap(({ points }) => seriesPoints(points, figure));
    const [from, to] = extent(steps, ({ step }) => step);
    const minimised = learned.some(({ points }) => points.some((p) => p.objective === figure));
    return from === undefined ? [] : [{ figure, minimised, from, to }];
  }).sort((a, b) => a.from - b.from || Number(b.minimised) - Number(a.minimised));
}
