/** A figure of each layer before and after rotation, by depth: two rows of dots, joined where they belong together. */
import { extent, scaleLinear } from "d3";
import type { BeforeAfter } from "../../daemon/report.ts";
import { bottomAxis, leftAxis } from "./axis.ts";
import { emptyState, svgImage } from "./element.ts";
import { swatchLegend } from "./legend.ts";

export interface DepthPoint extends BeforeAfter {
  readonly layer: number;
}

export interface DepthOptions {
  readonly width: number;
  /** e.g. `entropy, nats` */
  readonly label: string;
  /** Writes the axis. */
  readonly format: (value: number) => string;
  readonly rotated: boolean;
  /** Start the axis at zero: right for shares, wrong for entropies, whose changes are small beside their size. */
  readonly fromZero: boolean;
  /** Layers of the model: room is kept for those that are not done. Only as many as there are points if absent. */
  readonly layerCount?: number | undefined;
}

const MARGIN = { top: 26, right: 10, bottom: 40, left: 56 };
const PLOT_HEIGHT = 150;

export function depthChart(
  container: HTMLElement,
  points: readonly DepthPoint[],
  options: DepthOptions,
): void {
  if (points.length === 0) {
    emptyState(container, "No layer is done yet.");
    return;
  }
  const { width, rotated } = options;
  const height = MARGIN.top + PLOT_HEIGHT + MARGIN.bottom;
  const [low = 0, high = 1] = extent(points.flatMap((p) => [p.before, p.after]));
  const [firstLayer = 0, lastDone = 0] = extent(points, (p) => p.layer);
  const lastLayer = Math.max(lastDone, (options.layerCount ?? 0) - 1);
  const x = scaleLinear([firstLayer - 0.5, lastLayer + 0.5], [MARGIN.left, width - MARGIN.right]);
  const y = scaleLinear(
    [options.fromZero ? 0 : low, high > low || options.fromZero ? high || 1 : low + 1],
    [MARGIN.top + PLOT_HEIGHT, MARGIN.top],
  ).nice(4);

  container.replaceChildren(
    swatchLegend(
      rotated
        ? [
            { label: "before rotation", className: "dr-before", shape: "ring" },
            { label: "after rotation", className: "dr-after", shape: "dot" },
          ]
        : [{ label: "not rotated", className: "dr-before", shape: "ring" }],
    ),
  );
  const mean = (key: "before" | "after"): string =>
    options.format(points.reduce((s, p) => s + p[key], 0) / points.length);
  const svg = svgImage(
    container,
    width,
    height,
    rotated
      ? `${options.label} by layer: on average ${mean("before")} before and ${mean("after")} after rotation`
      : `${options.label} by layer: on average ${mean("after")}`,
  );
  leftAxis(svg.append("g").attr("transform", `translate(${MARGIN.left},0)`), y, MARGIN.left, {
    label: `↑ ${options.label}`,
    ticks: 4,
    format: options.format,
    grid: width - MARGIN.left - MARGIN.right,
  });
  bottomAxis(
    svg.append("g").attr("transform", `translate(0,${MARGIN.top + PLOT_HEIGHT})`),
    x,
    width - MARGIN.right,
    {
      label: "decoder layer →",
      ticks: x
        .ticks(Math.min(lastLayer - firstLayer + 1, Math.floor(width / 40)))
        .filter(Number.isInteger),
      format: String,
      grid: 0,
    },
  );
  if (rotated) {
    svg
      .append("g")
      .selectAll("line")
      .data(points)
      .join("line")
      .attr("class", "dr-guide dr-guide-strong")
      .attr("x1", (p) => x(p.layer))
      .attr("x2", (p) => x(p.layer))
      .attr("y1", (p) => y(p.before))
      .attr("y2", (p) => y(p.after));
  }
  const radius = Math.max(2, Math.min(5, (x(1) - x(0)) / 3));
  for (const key of rotated ? (["before", "after"] as const) : (["after"] as const)) {
    const isAfter = rotated && key === "after";
    svg
      .append("g")
      .attr("class", isAfter ? "dr-after" : "dr-before")
      .selectAll("circle")
      .data(points)
      .join("circle")
      .attr("class", isAfter ? "dr-fill" : "dr-ring")
      .attr("r", radius)
      .attr("cx", (p) => x(p.layer))
      .attr("cy", (p) => y(p[key]))
      .append("title")
      .text((p) => `layer ${p.layer}: ${options.format(p[key])}`);
  }
}
