/** Lorenz curves of importance before and after rotation: the more they sag, the less the smallest weights hold. */
import { line, scaleLinear } from "d3";
import type { Histogram } from "../../daemon/report.ts";
import { bottomAxis, leftAxis } from "./axis.ts";
import { emptyState, svgImage } from "./element.ts";
import { percent } from "./format.ts";
import { swatchLegend } from "./legend.ts";
import { heldBySmallest, lorenz, type LorenzPoint } from "./lorenz.ts";

export interface LorenzOptions {
  readonly width: number;
  readonly title: string;
  readonly rotated: boolean;
  /** Share of the weights that the pattern prunes, 0…1: marked on the curves. */
  readonly share: number;
}

const MARGIN = { top: 26, right: 16, bottom: 40, left: 44 };
const PLOT_HEIGHT = 218;

export function lorenzChart(
  container: HTMLElement,
  data: { readonly before: Histogram; readonly after: Histogram },
  options: LorenzOptions,
): void {
  const before = lorenz(data.before);
  const after = lorenz(data.after);
  if (after.points.length === 0) {
    emptyState(container, "All importances of this matrix are zero: there is nothing to compare.");
    return;
  }
  const curves = [
    ...(options.rotated
      ? [{ name: "before rotation", className: "dr-before", dashed: true, curve: before }]
      : []),
    {
      name: options.rotated ? "after rotation" : "not rotated",
      className: options.rotated ? "dr-after" : "dr-before",
      dashed: false,
      curve: after,
    },
  ];
  const held = curves.map((c) => percent(heldBySmallest(c.curve, options.share)));
  const sentence = `the smallest ${percent(options.share, 0)} of the weights hold ${held.join(" → ")} of the importance`;

  const width = options.width;
  const height = MARGIN.top + PLOT_HEIGHT + MARGIN.bottom;
  const x = scaleLinear([0, 1], [MARGIN.left, width - MARGIN.right]);
  const y = scaleLinear([0, 1], [MARGIN.top + PLOT_HEIGHT, MARGIN.top]);
  container.replaceChildren(
    swatchLegend(
      curves.map((c) => ({
        label: c.name,
        className: c.className,
        shape: c.dashed ? "dashed" : "line",
      })),
    ),
  );
  const svg = svgImage(container, width, height, `${options.title}, Lorenz curve: ${sentence}`);
  const axis = { ticks: [0, 0.25, 0.5, 0.75, 1], format: (v: number) => percent(v, 0) };
  leftAxis(svg.append("g").attr("transform", `translate(${MARGIN.left},0)`), y, MARGIN.left, {
    ...axis,
    label: "↑ share of the importance they hold",
    grid: width - MARGIN.left - MARGIN.right,
  });
  bottomAxis(
    svg.append("g").attr("transform", `translate(0,${MARGIN.top + PLOT_HEIGHT})`),
    x,
    width - MARGIN.right,
    { ...axis, label: "weights, least important first →", grid: 0 },
  );
  svg
    .append("line")
    .attr("class", "dr-guide")
    .attr("x1", x(0))
    .attr("y1", y(0))
    .attr("x2", x(1))
    .attr("y2", y(1));
  svg
    .append("line")
    .attr("class", "dr-guide dr-guide-strong")
    .attr("x1", x(options.share))
    .attr("x2", x(options.share))
    .attr("y1", y(0))
    .attr("y2", y(1));
  svg
    .append("text")
    .attr("class", "dr-tick")
    .attr("x", x(options.share) - 6)
    .attr("y", y(1) + 12)
    .attr("text-anchor", "end")
    .text(`${percent(options.share, 0)} pruned`);

  const path = line<LorenzPoint>()
    .x((p) => x(p.weights))
    .y((p) => y(p.importance));
  for (const c of curves) {
    const group = svg.append("g").attr("class", c.className);
    group
      .append("path")
      .attr("class", c.dashed ? "dr-stroke dr-dashed" : "dr-stroke")
      .attr("d", path(c.curve.points));
    group
      .append("circle")
      .attr("class", "dr-fill")
      .attr("r", 4)
      .attr("cx", x(options.share))
      .attr("cy", y(heldBySmallest(c.curve, options.share)));
  }
}

/** The same as a sentence, for the page: what the smallest `share` holds before and after. */
export function lorenzSentence(
  data: { readonly before: Histogram; readonly after: Histogram },
  share: number,
  rotated: boolean,
): string {
  const after = lorenz(data.after);
  if (after.points.length === 0) return "";
  const now = percent(heldBySmallest(after, share));
  const which = `The least important ${percent(share, 0)} of the weights`;
  if (!rotated) return `${which} hold ${now} of the importance (Gini ${after.gini.toFixed(2)}).`;
  const before = lorenz(data.before);
  const was = percent(heldBySmallest(before, share));
  return `${which} held ${was} of the importance before rotation and hold ${now} after it (Gini ${before.gini.toFixed(2)} → ${after.gini.toFixed(2)}).`;
}
