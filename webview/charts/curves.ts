/**
 * What the rotation optimizer did: loss by step, one line for each learned R1. The two objectives have different
 * units, so each phase has a panel of its own, as wide as its share of the steps.
 */
import { bisector, extent, line, scaleLinear, select } from "d3";
import type { CurvePoint, LayerReport } from "../../daemon/report.ts";
import { type Objective, OBJECTIVES } from "../../daemon/vocabulary.ts";
import { bottomAxis, leftAxis } from "./axis.ts";
import { emptyState, type Group, h, svgImage } from "./element.ts";
import { change, count, figure, range, tick } from "./format.ts";
import { swatchLegend } from "./legend.ts";

export type CurveLayer = Pick<LayerReport, "index" | "curve">;

export interface CurvesOptions {
  readonly width: number;
  /** The layer whose line is drawn on top and read out. */
  readonly layer: number;
}

/** One learned R1: the layers that share it and its losses. */
export interface LearnedCurve {
  readonly first: number;
  readonly last: number;
  readonly points: readonly CurvePoint[];
}

export const OBJECTIVE_LABELS: Readonly<Record<Objective, string>> = {
  entropy: "entropy, nats",
  "pruned-mass": "pruned mass, summed over rows",
};

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

const MARGIN = { top: 26, right: 10, bottom: 40, left: 56 };
const PLOT_HEIGHT = 200;
const BETWEEN = 24;

interface Phase {
  readonly objective: Objective;
  readonly from: number;
  readonly to: number;
}

export function curvesChart(
  container: HTMLElement,
  layers: readonly CurveLayer[],
  options: CurvesOptions,
): void {
  const learned = learnedCurves(layers);
  if (learned.length === 0) {
    emptyState(container, "Not rotated: nothing was learned, so there is no loss to show.");
    return;
  }
  const phases = phasesOf(learned);
  const selected =
    learned.find((c) => c.first <= options.layer && options.layer <= c.last) ?? learned[0];
  const name = selected === undefined ? "" : layersName(selected);
  const readout = h("p", { class: "dr-readout" });
  const rest = describeWhole(selected, phases);
  readout.replaceChildren(...rest);
  container.replaceChildren(
    swatchLegend([
      { label: name, className: "dr-after", shape: "line" },
      ...(learned.length > 1
        ? [{ label: "other layers", className: "dr-before", shape: "line" as const }]
        : []),
    ]),
  );
  const stacked = options.width < 520 && phases.length > 1;
  const room = options.width - (stacked ? 0 : BETWEEN * (phases.length - 1));
  const steps = phases.reduce((n, p) => n + (p.to - p.from), 0) || 1;
  const plots = h("div", { class: "dr-phases" });
  container.append(plots, readout);
  for (const phase of phases) {
    const share = Math.max(
      0.3,
      Math.min(phases.length > 1 ? 0.7 : 1, (phase.to - phase.from) / steps),
    );
    const width = stacked ? options.width : Math.floor(room * share);
    drawPhase(plots, phase, learned, selected, width, (step) => {
      readout.replaceChildren(...(step === undefined ? rest : describeStep(name, phase, step)));
    });
  }
}

function phasesOf(learned: readonly LearnedCurve[]): Phase[] {
  return OBJECTIVES.flatMap((objective) => {
    const steps = learned.flatMap((c) => c.points.filter((p) => p.objective === objective));
    const [from, to] = extent(steps, (p) => p.step);
    return from === undefined ? [] : [{ objective, from, to }];
  }).sort((a, b) => a.from - b.from);
}

function drawPhase(
  container: HTMLElement,
  phase: Phase,
  learned: readonly LearnedCurve[],
  selected: LearnedCurve | undefined,
  width: number,
  onStep: (point: CurvePoint | undefined) => void,
): void {
  const height = MARGIN.top + PLOT_HEIGHT + MARGIN.bottom;
  const own = (c: LearnedCurve): CurvePoint[] =>
    c.points.filter((p) => p.objective === phase.objective);
  const [low = 0, high = 1] = extent(learned.flatMap(own), (p) => p.loss);
  const x = scaleLinear(
    [phase.from, Math.max(phase.to, phase.from + 1)],
    [MARGIN.left, width - MARGIN.right],
  );
  const y = scaleLinear(
    [low, high > low ? high : low + 1],
    [MARGIN.top + PLOT_HEIGHT, MARGIN.top],
  ).nice(4);
  const ofSelected = selected === undefined ? [] : own(selected);
  const svg = svgImage(container, width, height, gist(phase, selected, ofSelected));
  leftAxis(svg.append("g").attr("transform", `translate(${MARGIN.left},0)`), y, MARGIN.left, {
    label: `↑ ${OBJECTIVE_LABELS[phase.objective]}`,
    ticks: 4,
    format: tick,
    grid: width - MARGIN.left - MARGIN.right,
  });
  bottomAxis(
    svg.append("g").attr("transform", `translate(0,${MARGIN.top + PLOT_HEIGHT})`),
    x,
    width - MARGIN.right,
    { label: "step →", ticks: Math.max(2, Math.floor(width / 110)), format: count, grid: 0 },
  );
  const path = line<CurvePoint>()
    .x((p) => x(p.step))
    .y((p) => y(p.loss));
  svg
    .append("g")
    .attr("class", "dr-before dr-context")
    .selectAll("path")
    .data(learned.filter((c) => c !== selected))
    .join("path")
    .attr("class", "dr-stroke")
    .attr("d", (c) => path(own(c)));
  const front = svg.append("g").attr("class", "dr-after");
  front.append("path").attr("class", "dr-stroke").attr("d", path(ofSelected));
  hover(front, svg.node(), ofSelected, x, y, onStep);
}

function hover(
  front: Group,
  svg: SVGSVGElement | null,
  points: readonly CurvePoint[],
  x: ReturnType<typeof scaleLinear<number, number>>,
  y: (loss: number) => number,
  onStep: (point: CurvePoint | undefined) => void,
): void {
  if (svg === null) return;
  const dot = front
    .append("circle")
    .attr("class", "dr-fill")
    .attr("r", 4)
    .attr("visibility", "hidden");
  const nearest = bisector((p: CurvePoint) => p.step);
  select(svg)
    .on("pointermove", (event: PointerEvent) => {
      const step = x.invert(event.clientX - svg.getBoundingClientRect().left);
      const point = points[nearest.center(points, step)];
      if (point === undefined) return;
      dot.attr("visibility", "visible").attr("cx", x(point.step)).attr("cy", y(point.loss));
      onStep(point);
    })
    .on("pointerleave", () => {
      dot.attr("visibility", "hidden");
      onStep(undefined);
    });
}

function layersName(c: LearnedCurve): string {
  return c.first === c.last ? `layer ${c.first}` : `layers ${range(c.first, c.last)}, one rotation`;
}

function gist(phase: Phase, c: LearnedCurve | undefined, points: readonly CurvePoint[]): string {
  const first = points[0];
  const last = points.at(-1);
  if (c === undefined || first === undefined || last === undefined) return phase.objective;
  return `Loss by step, ${OBJECTIVE_LABELS[phase.objective]}: ${layersName(c)} goes from ${figure(first.loss)} at step ${first.step} to ${figure(last.loss)} at step ${last.step}`;
}

function describeStep(name: string, phase: Phase, point: CurvePoint): Node[] {
  return [
    h("strong", {}, name),
    h("span", {}, `step ${count(point.step)}`),
    h("span", {}, `${OBJECTIVE_LABELS[phase.objective]}: ${figure(point.loss)}`),
  ];
}

function describeWhole(c: LearnedCurve | undefined, phases: readonly Phase[]): Node[] {
  if (c === undefined) return [];
  const parts = phases.flatMap((phase) => {
    const points = c.points.filter((p) => p.objective === phase.objective);
    const first = points[0];
    const last = points.at(-1);
    if (first === undefined || last === undefined) return [];
    const relative = first.loss === 0 ? 0 : last.loss / first.loss - 1;
    return [
      h(
        "span",
        {},
        `${phase.objective} ${figure(first.loss)} → ${figure(last.loss)} (${change(relative)})`,
      ),
    ];
  });
  return [h("strong", {}, layersName(c)), ...parts];
}
