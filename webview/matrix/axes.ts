/** The SVG over a plot's canvas: frame, indices along both edges, the cross-hair. */
import { scaleLinear, select } from "d3";
import { format } from "../charts/index.ts";
import type { Range } from "../messages.ts";
import type { Shape, Size, Viewport } from "./viewport.ts";

export const AXES_MARGIN = { top: 6, right: 10, bottom: 34, left: 58 };

export interface Axes {
  readonly element: SVGSVGElement;
  resize(size: Size): void;
  /** @param cell rows and columns under the cross-hair */
  draw(view: Viewport, cell: { readonly rows: Range; readonly cols: Range } | undefined): void;
}

export interface AxisNames {
  readonly rows: string;
  readonly cols: string;
}

export function createAxes(shape: Shape, names: AxisNames): Axes {
  const element = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const svg = select(element).attr("class", "dr-svg dr-plot-axes").attr("aria-hidden", "true");
  const plot = svg
    .append("g")
    .attr("transform", `translate(${AXES_MARGIN.left},${AXES_MARGIN.top})`);
  const clip = plot.append("svg").attr("class", "dr-plot-clip");
  const cross = clip.append("rect").attr("class", "dr-cross").attr("visibility", "hidden");
  const frame = plot.append("rect").attr("class", "dr-frame");
  const rows = plot.append("g").attr("text-anchor", "end");
  const cols = plot.append("g").attr("text-anchor", "middle");
  const across = plot
    .append("text")
    .attr("class", "dr-axis-label")
    .attr("text-anchor", "middle")
    .text(`${names.cols} →`);
  const down = plot
    .append("text")
    .attr("class", "dr-axis-label")
    .attr("text-anchor", "middle")
    .text(`← ${names.rows}`);
  let size: Size = { width: 0, height: 0 };

  return {
    element,
    resize(next) {
      size = next;
      svg
        .attr("width", AXES_MARGIN.left + size.width + AXES_MARGIN.right)
        .attr("height", AXES_MARGIN.top + size.height + AXES_MARGIN.bottom);
      clip.attr("width", size.width).attr("height", size.height);
      frame.attr("width", size.width).attr("height", size.height);
      across.attr("x", size.width / 2).attr("y", size.height + 29);
      down.attr("transform", `translate(-47,${size.height / 2}) rotate(-90)`);
    },
    draw(view, cell) {
      const x = (col: number): number => (col - view.col) * view.scaleX;
      const y = (row: number): number => (row - view.row) * view.scaleY;
      rows
        .selectAll<SVGTextElement, number>("text")
        .data(indices(view.row, size.height / view.scaleY, shape.rows, size.height / 34))
        .join("text")
        .attr("class", "dr-tick")
        .attr("x", -6)
        .attr("y", (r) => y(r + 0.5) + 4)
        .text(format.count);
      cols
        .selectAll<SVGTextElement, number>("text")
        .data(indices(view.col, size.width / view.scaleX, shape.cols, size.width / 62))
        .join("text")
        .attr("class", "dr-tick")
        .attr("y", size.height + 14)
        .attr("x", (c) => x(c + 0.5))
        .text(format.count);
      cross.attr("visibility", cell === undefined ? "hidden" : "visible");
      if (cell === undefined) return;
      const width = Math.max(5, x(cell.cols[1]) - x(cell.cols[0]));
      const height = Math.max(5, y(cell.rows[1]) - y(cell.rows[0]));
      cross
        .attr("x", (x(cell.cols[0]) + x(cell.cols[1]) - width) / 2)
        .attr("y", (y(cell.rows[0]) + y(cell.rows[1]) - height) / 2)
        .attr("width", width)
        .attr("height", height);
    },
  };
}

/** Round indices whose weights lie wholly in view, about `most` of them. */
function indices(start: number, extent: number, count: number, most: number): number[] {
  return scaleLinear([start, start + extent], [0, 1])
    .ticks(Math.max(1, Math.min(10, most)))
    .filter(
      (i) => Number.isInteger(i) && i < count && i + 0.5 >= start && i + 0.5 <= start + extent,
    );
}
