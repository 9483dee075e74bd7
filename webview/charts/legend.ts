/** Legends: a colour ramp with its ends and middle named, and a row of swatches. */
import { select } from "d3";
import { colourOf, type ColourScale } from "./colour.ts";
import { h } from "./element.ts";

const STRIPES = 64;
const WIDTH = 200;
const HEIGHT = 10;

/** `title` names the figure and its unit; `ticks` are the values written, the ends and the middle if absent. */
export function rampLegend(
  scale: ColourScale,
  title: string,
  format: (value: number) => string,
  ticks?: readonly number[],
): HTMLElement {
  const [low, high] = scale.domain;
  const legend = h("div", { class: "dr-legend" }, h("span", { class: "dr-legend-title" }, title));
  const svg = select(legend)
    .append("svg")
    .attr("class", "dr-svg")
    .attr("width", WIDTH)
    .attr("height", HEIGHT + 16)
    .attr("role", "img")
    .attr("aria-label", `Colour scale from ${format(low)} to ${format(high)}`);
  svg
    .selectAll("rect")
    .data(Array.from({ length: STRIPES }, (_, i) => i))
    .join("rect")
    .attr("x", (i) => (i * WIDTH) / STRIPES)
    .attr("width", WIDTH / STRIPES + 0.5)
    .attr("height", HEIGHT)
    .attr("fill", (i) => colourOf(scale, low + ((i + 0.5) / STRIPES) * (high - low)));
  const at = (value: number): number => ((value - low) / (high - low)) * WIDTH;
  svg
    .selectAll("text")
    .data(ticks ?? [low, (low + high) / 2, high])
    .join("text")
    .attr("class", "dr-tick")
    .attr("x", at)
    .attr("y", HEIGHT + 13)
    .attr("text-anchor", (v) => (v === low ? "start" : v === high ? "end" : "middle"))
    .text(format);
  return legend;
}

export interface Swatch {
  readonly label: string;
  /** A class of the style sheet that sets the colour: `dr-after`, `dr-before`, `dr-kept`, … */
  readonly className: string;
  readonly shape: "line" | "dashed" | "dot" | "ring" | "box";
}

export function swatchLegend(swatches: readonly Swatch[]): HTMLElement {
  const legend = h("div", { class: "dr-swatches" });
  for (const swatch of swatches) {
    const item = h("span", { class: "dr-swatch" });
    const svg = select(item)
      .append("svg")
      .attr("class", `dr-svg ${swatch.className}`)
      .attr("width", 18)
      .attr("height", 12)
      .attr("aria-hidden", "true");
    switch (swatch.shape) {
      case "line":
      case "dashed":
        svg
          .append("line")
          .attr("class", swatch.shape === "dashed" ? "dr-stroke dr-dashed" : "dr-stroke")
          .attr("x1", 0)
          .attr("x2", 18)
          .attr("y1", 6)
          .attr("y2", 6);
        break;
      case "dot":
      case "ring":
        svg
          .append("circle")
          .attr("class", swatch.shape === "dot" ? "dr-fill" : "dr-ring")
          .attr("cx", 9)
          .attr("cy", 6)
          .attr("r", 4.5);
        break;
      case "box":
        svg
          .append("rect")
          .attr("class", "dr-fill")
          .attr("x", 3)
          .attr("width", 12)
          .attr("height", 12);
        break;
      default:
        swatch.shape satisfies never;
    }
    item.append(swatch.label);
    legend.append(item);
  }
  return legend;
}
