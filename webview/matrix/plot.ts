/** One plot of an explorer: a canvas under its axes; and how large the plots of one matrix are. */
import { h } from "../charts/index.ts";
import { AXES_MARGIN, createAxes, type Axes, type AxisNames } from "./axes.ts";
import type { PlotSource } from "./source.ts";
import { plotSize, type Shape, type Size } from "./viewport.ts";

/** Narrowest plot worth having beside another. */
const LEAST_PLOT = 168;
const MOST_PLOT = 520;
const MOST_HEIGHT = 460;
/** Between plots; the style sheet has the same. */
const GAP = 16;

export interface Plot<Kind extends string> {
  readonly source: PlotSource<Kind>;
  readonly canvas: HTMLCanvasElement;
  readonly axes: Axes;
  readonly box: HTMLElement;
}

/** Of each of `count` plots in `room` pixels: as many in a row as can be looked at. */
export function sizeFor(shape: Shape, count: number, room: number): Size {
  const axes = AXES_MARGIN.left + AXES_MARGIN.right;
  const wide = (perRow: number): number => Math.floor((room - (perRow - 1) * GAP) / perRow) - axes;
  let perRow = count;
  while (perRow > 1 && wide(perRow) < LEAST_PLOT) perRow--;
  const width = Math.max(80, Math.min(MOST_PLOT, wide(perRow)));
  return plotSize(shape, { width, height: MOST_HEIGHT });
}

export function createPlot<Kind extends string>(
  source: PlotSource<Kind>,
  shape: Shape,
  names: AxisNames,
): Plot<Kind> {
  const canvas = h("canvas", { "aria-hidden": "true" });
  const axes = createAxes(shape, names);
  const box = h("div", { class: "dr-raster" }, canvas, axes.element);
  return { source, canvas, axes, box };
}

export function resizePlot<Kind extends string>({ canvas, axes }: Plot<Kind>, size: Size): void {
  canvas.style.left = `${AXES_MARGIN.left}px`;
  canvas.style.top = `${AXES_MARGIN.top}px`;
  canvas.style.width = `${size.width}px`;
  canvas.style.height = `${size.height}px`;
  canvas.width = Math.round(size.width * devicePixelRatio);
  canvas.height = Math.round(size.height * devicePixelRatio);
  axes.resize(size);
}
