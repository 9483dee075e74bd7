/**
 * What the rotation optimizer did, one line for each learned R1: the loss by step, and the entropy beside it. The two
 * have different units, so each has a panel of its own, as wide as its share of the steps; pointing into one reads out
 * the step in all.
 */
import { bisector, extent, line, scaleLinear, select } from "d3";
import type { Objective } from "../../daemon/vocabulary.ts";
import { bottomAxis, leftAxis } from "./axis.ts";
import { emptyState, h, svgImage } from "./element.ts";
import { change, count, figure, range, tick } from "./format.ts";
import {
  type CurveLayer,
  type LearnedCurve,
  learnedCurves,
  type Series,
  seriesOf,
  type SeriesPoint,
  seriesPoints,
} from "./learnedCurves.ts";
import { swatchLegend } from "./legend.ts";

export interface CurvesOptions {
  readonly width: number;
  /** The layer whose line is drawn on top and read out. */
  readonly layer: number;
}

const OBJECTIVE_LABELS: Readonly<Record<Objective, string>> = {
  entropy: "entropy, nats",
  "pruned-mass": "pruned mass, summed over rows",
};

const MARGIN = { top: 26, right: 10, bottom: 40, left: 56 };
const PLOT_HEIGHT = 200;
const BETWEEN = 24;

export function curvesChart(
  container: HTMLElement,
  layers: readonly CurveLayer[],
  options: CurvesOptions,
): void {
  const learned = learnedCurves(layers);
  const selected =
    learned.find((c) => c.first <= options.layer && options.layer <= c.last) ?? learned[0];
  if (selected === undefined) {
    emptyState(container, "Not rotated: nothing was learned, so there is no loss to show.");
    return;
  }
  const all = seriesOf(learned);
  const name = layersName(selected);
  const readout = h("p", { class: "dr-readout" });
  container.replaceChildren(
    swatchLegend([
      { label: name, className: "dr-after", shape: "line" },
      ...(learned.length > 1
        ? [{ label: "other layers", className: "dr-before", shape: "line" as const }]
        : []),
    ]),
  );
  const stacked = options.width < 520 && all.length > 1;
  const room = options.width - (stacked ? 0 : BETWEEN * (all.length - 1));
  const steps = all.reduce((n, s) => n + (s.to - s.from), 0) || 1;
  const plots = h("div", { class: "dr-phases" });
  container.append(plots, readout);

  const panels: Panel[] = [];
  const point = (step: number | null): void => {
    for (const { mark } of panels) mark(step);
    readout.replaceChildren(
      h("strong", {}, name),
      ...(step === null ? describeWhole(selected, all) : describeStep(selected, all, step)),
    );
  };
  for (const series of all) {
    const share = Math.max(
      0.3,
      Math.min(all.length > 1 ? 0.7 : 1, (series.to - series.from) / steps),
    );
    const width = stacked ? options.width : Math.floor(room * share);
    panels.push(drawPanel(plots, series, learned, selected, { width, point }));
  }
  point(null);
}

interface Panel {
  /** Shows a dot at the known step that is nearest, or none. */
  readonly mark: (step: number | null) => void;
}

function drawPanel(
  container: HTMLElement,
  series: Series,
  learned: readonly LearnedCurve[],
  selected: LearnedCurve,
  { width, point }: { readonly width: number; readonly point: (step: number | null) => void },
): Panel {
  const height = MARGIN.top + PLOT_HEIGHT + MARGIN.bottom;
  const own = (c: LearnedCurve) => seriesPoints(c.points, series.figure);
  const [low = 0, high = 1] = extent(learned.flatMap(own), (p) => p.value);
  const x = scaleLinear(
    [series.from, Math.max(series.to, series.from + 1)],
    [MARGIN.left, width - MARGIN.right],
  );
  const y = scaleLinear(
    [low, high > low ? high : low + 1],
    [MARGIN.top + PLOT_HEIGHT, MARGIN.top],
  ).nice(4);
  const points = own(selected);
  const svg = svgImage(container, width, height, gist(series, selected, points));
  leftAxis(svg.append("g").attr("transform", `translate(${MARGIN.left},0)`), y, MARGIN.left, {
    label: `↑ ${seriesLabel(series)}`,
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
  const path = line<SeriesPoint>()
    .x((p) => x(p.step))
    .y((p) => y(p.value));
  svg
    .append("g")
    .attr("class", "dr-before dr-context")
    .selectAll("path")
    .data(learned.filter((c) => c !== selected))
    .join("path")
    .attr("class", "dr-stroke")
    .attr("d", (c) => path(own(c)));
  const front = svg.append("g").attr("class", "dr-after");
  front.append("path").attr("class", "dr-stroke").attr("d", path(points));
  const dot = front
    .append("circle")
    .attr("class", "dr-fill")
    .attr("r", 4)
    .attr("visibility", "hidden");
  const node = svg.node();
  if (node !== null) {
    select(node)
      .on("pointermove", (event: PointerEvent) => {
        point(Math.round(x.invert(event.clientX - node.getBoundingClientRect().left)));
      })
      .on("pointerleave", () => {
        point(null);
      });
  }
  return {
    mark(step) {
      const at = step === null ? undefined : nearest(points, step);
      dot.attr("visibility", at === undefined ? "hidden" : "visible");
      if (at !== undefined) dot.attr("cx", x(at.step)).attr("cy", y(at.value));
    },
  };
}

const byStep = bisector((p: SeriesPoint) => p.step);

/** Undefined where nothing is known of the figure near that step: it may belong to another part of the learning. */
function nearest(points: readonly SeriesPoint[], step: number): SeriesPoint | undefined {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const apart = (last.step - first.step) / points.length;
  if (step < first.step - apart || step > last.step + apart) return undefined;
  return points[byStep.center(points, step)];
}

/** What is only looked at says so where something else is minimised. */
const seriesLabel = ({ figure, minimised }: Series): string =>
  minimised ? `loss: ${OBJECTIVE_LABELS[figure]}` : OBJECTIVE_LABELS[figure];

function layersName(c: LearnedCurve): string {
  return c.first === c.last ? `layer ${c.first}` : `layers ${range(c.first, c.last)}, one rotation`;
}

function gist(series: Series, c: LearnedCurve, points: readonly SeriesPoint[]): string {
  const what = `${capital(seriesLabel(series))}, by step`;
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) return what;
  return `${what}: ${layersName(c)} goes from ${figure(first.value)} at step ${first.step} to ${figure(last.value)} at step ${last.step}`;
}

function describeStep(c: LearnedCurve, all: readonly Series[], step: number): Node[] {
  const known = all.flatMap((series) => {
    const at = nearest(seriesPoints(c.points, series.figure), step);
    return at === undefined ? [] : [{ series, at }];
  });
  const shown = known[0]?.at.step ?? step;
  return [
    h("span", {}, `step ${count(shown)}`),
    ...known.map(({ series, at }) => {
      const when = at.step === shown ? "" : ` at step ${count(at.step)}`;
      return h("span", {}, `${OBJECTIVE_LABELS[series.figure]}: ${figure(at.value)}${when}`);
    }),
  ];
}

function describeWhole(c: LearnedCurve, all: readonly Series[]): Node[] {
  return all.flatMap((series) => {
    const points = seriesPoints(c.points, series.figure);
    const [first, last] = [points[0], points.at(-1)];
    if (first === undefined || last === undefined) return [];
    const relative = first.value === 0 ? 0 : last.value / first.value - 1;
    const from = `${figure(first.value)} → ${figure(last.value)}`;
    return [h("span", {}, `${series.figure} ${from} (${change(relative)})`)];
  });
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
