/**
 * How importance is spread (the paper's figure 2): log10 importance of the weights kept and pruned, before rotation
 * above, after rotation below, on the same axes.
 */
import { max, scaleLinear } from "d3";
import type { Histogram } from "../../daemon/report.ts";
import { bottomAxis } from "./axis.ts";
import { emptyState, type Group, svgImage } from "./element.ts";
import { percent, powerOfTen } from "./format.ts";
import { swatchLegend } from "./legend.ts";

export interface HistogramData {
  readonly before: Histogram;
  readonly after: Histogram;
}

export interface HistogramOptions {
  readonly width: number;
  readonly title: string;
  readonly rotated: boolean;
}

export interface Bar {
  /** log10 edges. */
  readonly from: number;
  readonly to: number;
  /** Share of all weights per decade, so that histograms with different bins compare. */
  readonly pruned: number;
  readonly kept: number;
}

/** Bars of a histogram as densities: `Σ (pruned + kept) · (to − from) = 1`. */
export function bars(histogram: Histogram): Bar[] {
  const { kept, pruned } = histogram;
  const width = (histogram.max - histogram.min) / kept.length;
  const total = kept.reduce((a, b) => a + b, 0) + pruned.reduce((a, b) => a + b, 0);
  if (total === 0 || !(width > 0)) return [];
  return kept.map((n, i) => ({
    from: histogram.min + i * width,
    to: histogram.min + (i + 1) * width,
    pruned: (pruned[i] ?? 0) / total / width,
    kept: n / total / width,
  }));
}

/** Where the weights are, without the far tails: the log10 range that holds all but 0.5 % of the weights on each side. */
export function bulk(rows: readonly Bar[]): readonly [number, number] {
  const mass = rows.map((b) => (b.pruned + b.kept) * (b.to - b.from));
  const edge = (from: "start" | "end"): number => {
    const order = from === "start" ? rows : [...rows].reverse();
    const masses = from === "start" ? mass : [...mass].reverse();
    let held = 0;
    for (const [i, bar] of order.entries()) {
      held += masses[i] ?? 0;
      if (held > 0.005) return from === "start" ? bar.from : bar.to;
    }
    return 0;
  };
  return [edge("start"), edge("end")];
}

const MARGIN = { top: 22, right: 8, bottom: 40, left: 0 };
/** Two plots and the space between them are as tall as one alone. */
const BETWEEN = 30;
const PLOTS = 218;

export function importanceHistogram(
  container: HTMLElement,
  data: HistogramData,
  options: HistogramOptions,
): void {
  const rows = options.rotated
    ? [
        { name: "before rotation", bars: bars(data.before) },
        { name: "after rotation", bars: bars(data.after) },
      ]
    : [{ name: "not rotated", bars: bars(data.after) }];
  const all = rows.flatMap((r) => r.bars);
  if (all.length === 0) {
    emptyState(container, "No weights to count in this matrix.");
    return;
  }
  const ranges = rows.map((r) => bulk(r.bars));
  const domain = [Math.min(...ranges.map((r) => r[0])), Math.max(...ranges.map((r) => r[1]))];
  const width = options.width;
  const plotHeight = (PLOTS - (rows.length - 1) * BETWEEN) / rows.length;
  const x = scaleLinear(domain, [MARGIN.left, width - MARGIN.right]);
  const y = scaleLinear([0, max(all, (b) => b.pruned + b.kept) ?? 1], [plotHeight, 0]);
  const height = MARGIN.top + PLOTS + MARGIN.bottom;

  container.replaceChildren(
    swatchLegend([
      { label: "kept", className: "dr-kept", shape: "box" },
      { label: "pruned", className: "dr-pruned", shape: "box" },
    ]),
  );
  const svg = svgImage(container, width, height, gist(data, options));
  for (const [i, row] of rows.entries()) {
    const plot = svg
      .append("g")
      .attr("transform", `translate(0,${MARGIN.top + i * (plotHeight + BETWEEN)})`);
    const [low, high] = x.domain();
    const inside = row.bars.filter(
      (b) => b.from >= (low ?? 0) - 1e-9 && b.to <= (high ?? 0) + 1e-9,
    );
    drawBars(plot, inside, x, y);
    plot
      .append("text")
      .attr("class", "dr-label")
      .attr("x", MARGIN.left)
      .attr("y", -8)
      .text(row.name);
  }
  const ticks = x.ticks(width / 90).filter(Number.isInteger);
  bottomAxis(
    svg.append("g").attr("transform", `translate(0,${height - MARGIN.bottom})`),
    x,
    width - MARGIN.right,
    { label: "importance of a weight, log scale →", ticks, format: powerOfTen, grid: 0 },
  );
}

function drawBars(
  plot: Group,
  rows: readonly Bar[],
  x: (value: number) => number,
  y: (value: number) => number,
): void {
  for (const part of ["pruned", "kept"] as const) {
    plot
      .append("g")
      .attr("class", part === "kept" ? "dr-kept" : "dr-pruned")
      .selectAll("rect")
      .data(rows)
      .join("rect")
      .attr("class", "dr-fill")
      .attr("x", (b) => x(b.from))
      .attr("width", (b) => Math.max(0.5, x(b.to) - x(b.from) - 0.5))
      .attr("y", (b) => (part === "pruned" ? y(b.pruned) : y(b.pruned + b.kept)))
      .attr("height", (b) => y(0) - y(b[part]));
  }
}

function gist(data: HistogramData, options: HistogramOptions): string {
  const total = data.after.pruned.reduce((a, b) => a + b, 0);
  const all = total + data.after.kept.reduce((a, b) => a + b, 0);
  const shares = `${percent(total / all)} of the weights are pruned`;
  return options.rotated
    ? `${options.title}: distribution of log importance before and after rotation, kept and pruned weights; ${shares}`
    : `${options.title}: distribution of log importance, kept and pruned weights; ${shares}`;
}
