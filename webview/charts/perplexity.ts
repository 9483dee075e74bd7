/**
 * Perplexities on a log axis: for every method and pattern the way from pruned to rotated and pruned, with the dense
 * model as the line to reach. Log, because perplexity is the exponential of the loss: equal distances are equal losses.
 */
import { scaleLog } from "d3";
import { emptyState, svgImage } from "./element.ts";
import { perplexity } from "./format.ts";
import { type Swatch, swatchLegend } from "./legend.ts";

export interface PerplexityPair {
  /** e.g. `SparseGPT 2:4` */
  readonly label: string;
  readonly pruned?: number | undefined;
  readonly rotated?: number | undefined;
}

export interface PerplexityData {
  readonly dense?: number | undefined;
  readonly pairs: readonly PerplexityPair[];
}

export interface PerplexityOptions {
  readonly width: number;
}

const MARGIN = { top: 24, right: 56, bottom: 12 };
const ROW = 34;
const LABEL_WIDTH = 128;

export function perplexityChart(
  container: HTMLElement,
  data: PerplexityData,
  options: PerplexityOptions,
): void {
  const values = [data.dense, ...data.pairs.flatMap((p) => [p.pruned, p.rotated])].filter(
    (v): v is number => v !== undefined && Number.isFinite(v) && v > 0,
  );
  if (values.length === 0) {
    emptyState(container, "No perplexity was measured.");
    return;
  }
  const { width } = options;
  // Labels beside the rows, or above them where there is no room.
  const stacked = width < 560;
  const left = stacked ? 16 : LABEL_WIDTH;
  const row = stacked ? ROW + 18 : ROW;
  const height = MARGIN.top + data.pairs.length * row + MARGIN.bottom;
  const x = scaleLog(
    [Math.min(...values), Math.max(...values, Math.min(...values) * 1.05)],
    [left + 12, width - MARGIN.right],
  );
  const y = (i: number): number => MARGIN.top + (i + 1) * row - ROW / 2;
  const shown = (v: number | undefined): v is number => v !== undefined && Number.isFinite(v);

  container.replaceChildren(
    swatchLegend([
      ...legendIf(
        data.pairs.some((p) => p.pruned !== undefined),
        {
          label: "pruned",
          className: "dr-before",
          shape: "ring",
        },
      ),
      ...legendIf(
        data.pairs.some((p) => p.rotated !== undefined),
        {
          label: "rotated + pruned",
          className: "dr-after",
          shape: "dot",
        },
      ),
    ]),
  );
  const svg = svgImage(container, width, height, gist(data));
  if (data.dense !== undefined) {
    svg
      .append("line")
      .attr("class", "dr-reference")
      .attr("x1", x(data.dense))
      .attr("x2", x(data.dense))
      .attr("y1", MARGIN.top - 6)
      .attr("y2", height - MARGIN.bottom);
    svg
      .append("text")
      .attr("class", "dr-value")
      .attr("x", x(data.dense))
      .attr("y", MARGIN.top - 11)
      .attr("text-anchor", stacked ? "start" : "middle")
      .text(`dense ${perplexity(data.dense)}`);
  }
  for (const [i, pair] of data.pairs.entries()) {
    const group = svg.append("g").attr("transform", `translate(0,${y(i)})`);
    group
      .append("text")
      .attr("class", "dr-label")
      .attr("x", stacked ? left + 20 : left - 12)
      .attr("y", stacked ? -16 : 4)
      .attr("text-anchor", stacked ? "start" : "end")
      .text(pair.label);
    if (shown(pair.pruned) && shown(pair.rotated)) {
      group
        .append("line")
        .attr("class", "dr-guide dr-guide-strong")
        .attr("x1", x(pair.pruned))
        .attr("x2", x(pair.rotated));
    }
    const dots = [
      { value: pair.pruned, className: "dr-before", mark: "dr-ring" },
      { value: pair.rotated, className: "dr-after", mark: "dr-fill" },
    ];
    const larger = Math.max(pair.pruned ?? 0, pair.rotated ?? 0);
    for (const { value, className, mark } of dots) {
      if (!shown(value)) continue;
      const dot = group.append("g").attr("class", className);
      dot.append("circle").attr("class", mark).attr("r", 5.5).attr("cx", x(value));
      const outward = value === larger;
      dot
        .append("text")
        .attr("class", "dr-value")
        .attr("x", x(value) + (outward ? 11 : -11))
        .attr("y", 4)
        .attr("text-anchor", outward ? "start" : "end")
        .text(perplexity(value));
    }
  }
}

/**
 * How much of the harm pruning does the rotation undoes: 1 is all of it, 0 none, negative when rotation hurts.
 * In log-perplexity, the loss itself.
 */
export function recovered(dense: number, pruned: number, rotated: number): number | undefined {
  const harm = Math.log(pruned) - Math.log(dense);
  if (!(harm > 0) || !Number.isFinite(harm) || !Number.isFinite(rotated)) return undefined;
  return (Math.log(pruned) - Math.log(rotated)) / harm;
}

function legendIf(present: boolean, swatch: Swatch): Swatch[] {
  return present ? [swatch] : [];
}

function gist(data: PerplexityData): string {
  const parts = data.pairs.map((p) => {
    const words = [
      ...(p.pruned === undefined ? [] : [`pruned ${perplexity(p.pruned)}`]),
      ...(p.rotated === undefined ? [] : [`rotated and pruned ${perplexity(p.rotated)}`]),
    ];
    return `${p.label}: ${words.join(", ")}`;
  });
  const dense = data.dense === undefined ? [] : [`dense ${perplexity(data.dense)}`];
  return `Perplexity, lower is better. ${[...dense, ...parts].join("; ")}`;
}
