/** Quiet axes: no outer line, short ticks, and the unit once, at the axis' end. */
import { axisBottom, axisLeft, type AxisScale } from "d3";
import type { Group } from "./element.ts";

export interface AxisOptions {
  readonly label: string;
  readonly ticks: number | readonly number[];
  readonly format: (value: number) => string;
  /** Length of the grid lines, px; 0 for none. */
  readonly grid: number;
}

type NumberScale = AxisScale<number>;

/** Along the bottom of a plot `width` wide; `group` is at the plot's lower left corner. */
export function bottomAxis(
  group: Group,
  scale: NumberScale,
  width: number,
  options: AxisOptions,
): void {
  const axis = axisBottom<number>(scale).tickSizeOuter(0).tickPadding(6).tickFormat(options.format);
  axis.tickSizeInner(options.grid > 0 ? -options.grid : 4);
  if (typeof options.ticks === "number") axis.ticks(options.ticks);
  else axis.tickValues(options.ticks);
  group.attr("class", "dr-axis").call(axis);
  group
    .append("text")
    .attr("class", "dr-axis-label")
    .attr("x", width)
    .attr("y", 32)
    .attr("text-anchor", "end")
    .text(options.label);
}

/**
 * Along the left of a plot. `group` is at the plot's left edge and the drawing's top; the label starts at the
 * drawing's own left edge, `left` px further out.
 */
export function leftAxis(
  group: Group,
  scale: NumberScale,
  left: number,
  options: AxisOptions,
): void {
  const axis = axisLeft<number>(scale).tickSizeOuter(0).tickPadding(6).tickFormat(options.format);
  axis.tickSizeInner(options.grid > 0 ? -options.grid : 4);
  if (typeof options.ticks === "number") axis.ticks(options.ticks);
  else axis.tickValues(options.ticks);
  group.attr("class", "dr-axis").call(axis);
  group
    .append("text")
    .attr("class", "dr-axis-label")
    .attr("x", -left)
    .attr("y", 12)
    .attr("text-anchor", "start")
    .text(options.label);
}
