/**
 * Sparsity of every written matrix against what was asked: one strip of dots for each of the seven matrices, one dot
 * a layer. When all is exact the dots sit on the line; a matrix that was missed stands out.
 */
import { extent, scaleLinear } from "d3";
import { type Role, ROLES } from "../../daemon/vocabulary.ts";
import { bottomAxis } from "./axis.ts";
import { emptyState, svgImage } from "./element.ts";
import { percent } from "./format.ts";

export interface SparsityPoint {
  readonly layer: number;
  readonly role: Role;
  readonly sparsity: number;
}

export interface SparsityOptions {
  readonly width: number;
  /** What the pattern asks for, 0…1. */
  readonly target: number;
}

const MARGIN = { top: 22, right: 24, bottom: 40, left: 48 };
const STRIP = 24;
/** Half the narrowest range shown, so that rounding of a few weights does not look like a scandal. */
const REACH = 0.02;

export function sparsityChart(
  container: HTMLElement,
  points: readonly SparsityPoint[],
  options: SparsityOptions,
): void {
  if (points.length === 0) {
    emptyState(container, "No matrix was pruned.");
    return;
  }
  const { width, target } = options;
  const height = MARGIN.top + ROLES.length * STRIP + MARGIN.bottom;
  const [low = target, high = target] = extent(points, (p) => p.sparsity);
  const domain = [
    Math.max(0, Math.min(low, target - REACH)),
    Math.min(1, Math.max(high, target + REACH)),
  ];
  const x = scaleLinear(domain, [MARGIN.left, width - MARGIN.right]);
  const y = (role: Role): number => MARGIN.top + (ROLES.indexOf(role) + 0.5) * STRIP;
  const ticks = x.ticks(Math.max(2, Math.floor(width / 120)));
  const fine = ticks.some((t) => Math.abs(t * 100 - Math.round(t * 100)) > 1e-6);

  container.replaceChildren();
  const svg = svgImage(
    container,
    width,
    height,
    `Sparsity of ${points.length} matrices: from ${percent(low, 2)} to ${percent(high, 2)}, asked for ${percent(target, 2)}`,
  );
  bottomAxis(
    svg.append("g").attr("transform", `translate(0,${MARGIN.top + ROLES.length * STRIP})`),
    x,
    width - MARGIN.right,
    {
      label: "zeros in the written matrix →",
      ticks,
      format: (v) => percent(v, fine ? 1 : 0),
      grid: 0,
    },
  );
  svg
    .append("line")
    .attr("class", "dr-guide dr-guide-strong")
    .attr("x1", x(target))
    .attr("x2", x(target))
    .attr("y1", MARGIN.top - 4)
    .attr("y2", MARGIN.top + ROLES.length * STRIP);
  svg
    .append("text")
    .attr("class", "dr-tick")
    .attr("x", x(target))
    .attr("y", MARGIN.top - 9)
    .attr("text-anchor", "middle")
    .text(`asked for ${percent(target, 0)}`);
  const rows = svg.selectAll("g.dr-strip").data(ROLES).join("g").attr("class", "dr-strip");
  rows
    .append("line")
    .attr("class", "dr-guide")
    .attr("x1", MARGIN.left)
    .attr("x2", width - MARGIN.right)
    .attr("y1", y)
    .attr("y2", y);
  rows
    .append("text")
    .attr("class", "dr-label")
    .attr("x", MARGIN.left - 12)
    .attr("y", (role) => y(role) + 4)
    .attr("text-anchor", "end")
    .text((role) => role);
  svg
    .append("g")
    .attr("class", "dr-after")
    .selectAll("circle")
    .data(points)
    .join("circle")
    .attr("class", "dr-fill dr-translucent")
    .attr("r", 5)
    .attr("cx", (p) => x(p.sparsity))
    .attr("cy", (p) => y(p.role))
    .append("title")
    .text((p) => `layer ${p.layer} · ${p.role}: ${percent(p.sparsity, 3)}`);
}

/** The chart in a sentence; what rounds to the figure asked for counts as exact. */
export function sparsitySentence(points: readonly SparsityPoint[], target: number): string {
  if (points.length === 0) return "No matrix was pruned.";
  const off = points.filter((p) => Math.abs(p.sparsity - target) >= 0.00005).length;
  return off === 0
    ? `All ${points.length} matrices are at ${percent(target, 2)}, as asked.`
    : `${off} of ${points.length} matrices differ from the ${percent(target, 2)} asked for.`;
}
