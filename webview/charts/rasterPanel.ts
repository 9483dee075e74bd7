/**
 * One raster of a matrix view: pixels on a canvas, under an SVG that carries the axes, the cross-hair, the pointer and
 * the keyboard.
 */
import { scaleLinear, select } from "d3";
import type { MatrixReport } from "../../daemon/report.ts";
import { type ColourScale, rampTable } from "./colour.ts";
import { type Group, h } from "./element.ts";
import { count } from "./format.ts";
import type { Grid } from "./overview.ts";

const MARGIN = { top: 8, right: 8, bottom: 38, left: 44 };
const MAX_HEIGHT = 400;
const MIN_SIDE = 72;

export interface Panel {
  readonly title: string;
  readonly grid: Grid;
  readonly scale: ColourScale;
  /** For screen readers: the gist of the panel. */
  readonly gist: string;
  /** A cell in words, for the read-out. */
  readonly describe: (value: number) => string;
  /** One cell is one weight. */
  readonly exact: boolean;
}

export interface CellIndex {
  readonly row: number;
  readonly col: number;
}

/** Draws one panel into `figure`; returns the function that moves its cross-hair. */
export function rasterPanel(
  figure: HTMLElement,
  panel: Panel,
  matrix: MatrixReport,
  width: number,
  title: string,
  show: (cell: CellIndex | undefined) => void,
): (cell: CellIndex | undefined) => void {
  const { grid } = panel;
  const [outs, ins] = matrix.shape;
  const size = plotSize(grid, matrix.shape, width - MARGIN.left - MARGIN.right);
  const box = h("div", { class: "dr-raster" });
  const canvas = h("canvas", { width: grid.cols, height: grid.rows, "aria-hidden": "true" });
  canvas.style.left = `${MARGIN.left}px`;
  canvas.style.top = `${MARGIN.top}px`;
  canvas.style.width = `${size.width}px`;
  canvas.style.height = `${size.height}px`;
  if (size.width >= grid.cols && size.height >= grid.rows) canvas.classList.add("dr-pixelated");
  paint(canvas, grid, panel.scale);
  box.append(canvas);
  figure.append(box);

  const svg = select(box)
    .append("svg")
    .attr("class", "dr-svg dr-raster-axes")
    .attr("width", MARGIN.left + size.width + MARGIN.right)
    .attr("height", MARGIN.top + size.height + MARGIN.bottom)
    .attr("role", "img")
    .attr("tabindex", 0)
    .attr("aria-label", `${title}, ${panel.title}: ${outs} by ${ins}, ${panel.gist}`);
  const plot = svg.append("g").attr("transform", `translate(${MARGIN.left},${MARGIN.top})`);
  plot
    .append("rect")
    .attr("class", "dr-frame")
    .attr("width", size.width)
    .attr("height", size.height);
  ends(plot, size, outs, ins);

  const x = scaleLinear([0, grid.cols], [0, size.width]);
  const y = scaleLinear([0, grid.rows], [0, size.height]);
  const cross = plot.append("rect").attr("class", "dr-cross").attr("visibility", "hidden");
  let at: CellIndex | undefined;

  const clampCell = (row: number, col: number): CellIndex => ({
    row: Math.max(0, Math.min(grid.rows - 1, row)),
    col: Math.max(0, Math.min(grid.cols - 1, col)),
  });
  svg
    .on("pointermove", (event: PointerEvent) => {
      const bounds = canvas.getBoundingClientRect();
      const row = Math.floor(y.invert(event.clientY - bounds.top));
      const col = Math.floor(x.invert(event.clientX - bounds.left));
      const inside = row >= 0 && row < grid.rows && col >= 0 && col < grid.cols;
      show(inside ? { row, col } : undefined);
    })
    .on("pointerleave blur", () => {
      show(undefined);
    })
    .on("focus", () => {
      if (svg.node()?.matches(":focus-visible")) show(at ?? clampCell(0, 0));
    })
    .on("keydown", (event: KeyboardEvent) => {
      const stride = event.shiftKey ? 10 : 1;
      const from = at ?? { row: 0, col: 0 };
      const step = STEPS[event.key];
      if (step === undefined) return;
      event.preventDefault();
      show(clampCell(from.row + step[0] * stride, from.col + step[1] * stride));
    });

  return (cell) => {
    at = cell;
    cross.attr("visibility", cell === undefined ? "hidden" : "visible");
    if (cell === undefined) return;
    const w = Math.max(5, x(1));
    const ht = Math.max(5, y(1));
    cross
      .attr("x", x(cell.col + 0.5) - w / 2)
      .attr("y", y(cell.row + 0.5) - ht / 2)
      .attr("width", w)
      .attr("height", ht);
  };
}

const STEPS: Readonly<Record<string, readonly [rows: number, cols: number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** First and last index on each axis: the shape is what matters, inner ticks would only add noise to a texture. */
function ends(plot: Group, size: Size, outs: number, ins: number): void {
  const text = (value: string, x: number, y: number, anchor: string): void => {
    plot
      .append("text")
      .attr("class", "dr-tick")
      .attr("x", x)
      .attr("y", y)
      .attr("text-anchor", anchor)
      .text(value);
  };
  text("0", -7, 9, "end");
  text(count(outs - 1), -7, size.height, "end");
  text("0", 0, size.height + 15, "start");
  text(count(ins - 1), size.width, size.height + 15, "end");
  plot
    .append("text")
    .attr("class", "dr-axis-label")
    .attr("x", size.width / 2)
    .attr("y", size.height + 31)
    .attr("text-anchor", "middle")
    .text("input →");
  plot
    .append("text")
    .attr("class", "dr-axis-label")
    .attr("transform", `translate(-9,${size.height / 2}) rotate(-90)`)
    .attr("text-anchor", "middle")
    .text("← output");
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** True proportions where they fit; whole pixels per cell where there is room, so that no cell looks wider than others. */
export function plotSize(
  grid: Pick<Grid, "rows" | "cols">,
  shape: readonly [number, number],
  available: number,
): Size {
  const aspect = shape[0] / shape[1];
  let width = available;
  if (width * aspect > MAX_HEIGHT) width = Math.max(MIN_SIDE, MAX_HEIGHT / aspect);
  const height = Math.min(MAX_HEIGHT, Math.max(MIN_SIDE, width * aspect));
  const whole = (length: number, cells: number): number =>
    length >= cells ? Math.floor(length / cells) * cells : Math.round(length);
  return { width: whole(width, grid.cols), height: whole(height, grid.rows) };
}

function paint(canvas: HTMLCanvasElement, grid: Grid, scale: ColourScale): void {
  const context = canvas.getContext("2d");
  if (context === null) return;
  const table = rampTable(scale.ramp);
  const [low, high] = scale.domain;
  const image = context.createImageData(grid.cols, grid.rows);
  for (let i = 0; i < grid.values.length; i++) {
    const t = ((grid.values[i] ?? 0) - low) / (high - low);
    const colour = Math.round(255 * Math.min(1, Math.max(0, t))) * 4;
    image.data.set(table.subarray(colour, colour + 4), i * 4);
  }
  context.putImageData(image, 0, 0);
}
