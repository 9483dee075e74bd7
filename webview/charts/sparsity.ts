/**
 * Sparsity of every written matrix against what was asked: one strip of dots for each of the seven matrices, one dot
 * a layer. When all layers were asked for the same and all is exact, the dots sit on one line; where each layer has its
 * own share, a dot has a tick of its own to sit on. A matrix that was missed stands out either way.
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
  /** What was asked of it, 0…1. */
  readonly target: number;
}

export interface SparsityOptions {
  readonly width: number;
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
  const { width } = options;
  const targets = [...new Set(points.map((p) => p.target))].sort((a, b) => a - b);
  const [least = 0, most = 0] = [targets[0], targets.at(-1)];
  const height = MARGIN.top + ROLES.length * STRIP + MARGIN.bottom;
  const [low = least, high = most] = extent(points, (p) => p.sparsity);
  const domain = [
    Math.max(0, Math.min(low, least - REACH)),
    Math.min(1, Math.max(high, most + REACH)),
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
    `Sparsity of ${points.length} matrices: from ${percent(low, 2)} to ${percent(high, 2)}, asked for ${asked(targets, 2)}`,
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
  if (targets.length === 1) {
    svg
      .append("line")
      .attr("class", "dr-guide dr-guide-strong")
      .attr("x1", x(least))
      .attr("x2", x(least))
      .attr("y1", MARGIN.top - 4)
      .attr("y2", MARGIN.top + ROLES.length * STRIP);
  }
  svg
    .append("text")
    .attr("class", "dr-tick")
    .attr("x", (x(least) + x(most)) / 2)
    .attr("y", MARGIN.top - 9)
    .attr("text-anchor", "middle")
    .text(`asked for ${asked(targets, 0)}`);
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
  if (targets.length > 1) {
    svg
      .append("g")
      .selectAll("line")
      .data(points)
      .join("line")
      .attr("class", "dr-guide dr-guide-strong")
      .attr("x1", (p) => x(p.target))
      .attr("x2", (p) => x(p.target))
      .attr("y1", (p) => y(p.role) - 9)
      .attr("y2", (p) => y(p.role) + 9);
  }
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

/** `50 %`, or `38 %–61 %` where layers differ. */
function asked(targets: readonly number[], digits: number): string {
  const [first = 0, last = first] = [targets[0], targets.at(-1)];
  return first === last
    ? percent(first, digits)
    : `${percent(first, digits)}–${percent(last, digits)}`;
}

/** The chart in a sentence; what rounds to the figure asked for counts as exact. */
export function sparsitySentence(points: readonly SparsityPoint[]): string {
  const [first] = points;
  if (first === undefined) return "No matrix was pruned.";
  const off = points.filter((p) => Math.abs(p.sparsity - p.target) >= 0.00005).length;
  const alike = points.every((p) => p.target === first.target);
  const goal = alike
    ? `the ${percent(first.target, 2)} asked for`
    : "the share asked of their layer";
  if (off > 0) return `${off} of ${points.length} matrices differ from ${goal}.`;
  return alike
    ? `All ${points.length} matrices are at ${percent(first.target, 2)}, as asked.`
    : `All ${points.length} matrices have ${goal}.`;
}
