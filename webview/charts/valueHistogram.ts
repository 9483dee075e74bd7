/** How the values of a tensor are spread; the zeros, which would dwarf the rest, are told beside it. */
import { max, scaleLinear, scaleSqrt } from "d3";
import { bottomAxis, leftAxis } from "./axis.ts";
import { emptyState, svgImage } from "./element.ts";
import { count, tick } from "./format.ts";

export interface ValueBins {
  /** Left edge of the first and right edge of the last bin; equal bins between. */
  readonly min: number;
  readonly max: number;
  readonly counts: readonly number[];
}

const MARGIN = { top: 26, right: 12, bottom: 40, left: 64 };
const PLOT_HEIGHT = 150;

/** Heights are square roots, so that thin tails, where outliers are, can be seen beside the bulk. */
export function valueHistogram(
  container: HTMLElement,
  { min, max: top, counts }: ValueBins,
  { width, title }: { readonly width: number; readonly title: string },
): void {
  const most = max(counts) ?? 0;
  if (most === 0) {
    emptyState(container, "No finite value other than zero.");
    return;
  }
  const height = MARGIN.top + PLOT_HEIGHT + MARGIN.bottom;
  const [low, high] = top > min ? [min, top] : [min - 0.5, min + 0.5];
  const x = scaleLinear([low, high], [MARGIN.left, width - MARGIN.right]);
  const y = scaleSqrt([0, most], [MARGIN.top + PLOT_HEIGHT, MARGIN.top]);
  const binWidth = (high - low) / counts.length;
  container.replaceChildren();
  const svg = svgImage(
    container,
    width,
    height,
    `${title}: distribution of the values other than zero, from ${tick(min)} to ${tick(top)}`,
  );
  leftAxis(svg.append("g").attr("transform", `translate(${MARGIN.left},0)`), y, MARGIN.left, {
    label: "↑ values in a bin, square-root scale",
    ticks: y.ticks(3),
    format: count,
    grid: width - MARGIN.left - MARGIN.right,
  });
  bottomAxis(
    svg.append("g").attr("transform", `translate(0,${MARGIN.top + PLOT_HEIGHT})`),
    x,
    width - MARGIN.right,
    { label: "value →", ticks: Math.max(2, Math.floor(width / 110)), format: tick, grid: 0 },
  );
  svg
    .append("g")
    .attr("class", "dr-kept")
    .selectAll("rect")
    .data(counts)
    .join("rect")
    .attr("class", "dr-fill")
    .attr("x", (_, i) => x(low + i * binWidth))
    .attr("width", Math.max(0.5, x(low + binWidth) - x(low) - 0.5))
    .attr("y", y)
    .attr("height", (n) => MARGIN.top + PLOT_HEIGHT - y(n));
}
