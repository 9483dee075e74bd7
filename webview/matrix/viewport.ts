/**
 * What part of a matrix a plot shows. Weights are squares of a plane, weight (r, c) at [c, c + 1) × [r, r + 1); a view
 * says which point of it lies in the plot's upper left corner and how many pixels a weight takes along each axis.
 */
import type { Range } from "../messages.ts";

export interface Shape {
  readonly rows: number;
  readonly cols: number;
}

/** Pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Viewport {
  readonly row: number;
  readonly col: number;
  /** Pixels a weight. */
  readonly scaleX: number;
  readonly scaleY: number;
}

/** Pixels of a weight whose value can be read in it. */
export const VALUE_SCALE = 52;
const MOST_SCALE = 64;
/** A side shorter than this is stretched, though not more than so many times: a long matrix is no hairline. */
const SHORT_SIDE = 240;
const MOST_STRETCH = 4;
const LEAST_SIDE = 28;

/** Size of the plot for a matrix: the whole of it at true proportions, unless one side would be too short to look at. */
export function plotSize({ rows, cols }: Shape, available: Size): Size {
  const scale = Math.min(available.width / cols, available.height / rows);
  const [width, height] = [cols * scale, rows * scale];
  const side = (length: number, other: number, most: number): number => {
    // Never beyond the other side: a square stays one.
    const stretched = Math.min(SHORT_SIDE, length * MOST_STRETCH, other);
    return Math.round(Math.min(most, Math.max(length, stretched, LEAST_SIDE)));
  };
  return {
    width: side(width, height, available.width),
    height: side(height, width, available.height),
  };
}

export function fit({ rows, cols }: Shape, { width, height }: Size): Viewport {
  return { row: 0, col: 0, scaleX: width / cols, scaleY: height / rows };
}

/** Zooms by `factor` so that what lies under `at` (px of the plot) stays there, as far as the edges allow. */
export function zoom(
  view: Viewport,
  factor: number,
  at: Point,
  shape: Shape,
  size: Size,
): Viewport {
  const whole = fit(shape, size);
  const clampScale = (scale: number, least: number): number =>
    Math.max(least, Math.min(Math.max(MOST_SCALE, least), scale));
  const scaleX = clampScale(view.scaleX * factor, whole.scaleX);
  const scaleY = clampScale(view.scaleY * factor, whole.scaleY);
  return clamped(
    {
      row: view.row + at.y / view.scaleY - at.y / scaleY,
      col: view.col + at.x / view.scaleX - at.x / scaleX,
      scaleX,
      scaleY,
    },
    shape,
    size,
  );
}

/** Moves what is shown by pixels: positive `dx` shows columns further right. */
export function pan(view: Viewport, dx: number, dy: number, shape: Shape, size: Size): Viewport {
  const moved = { ...view, row: view.row + dy / view.scaleY, col: view.col + dx / view.scaleX };
  return clamped(moved, shape, size);
}

/** The least move that brings weight (row, col) into the plot. */
export function reveal(
  view: Viewport,
  row: number,
  col: number,
  shape: Shape,
  size: Size,
): Viewport {
  const along = (start: number, at: number, extent: number): number =>
    at < start ? at : at + 1 > start + extent ? at + 1 - extent : start;
  const moved = {
    ...view,
    row: along(view.row, row, size.height / view.scaleY),
    col: along(view.col, col, size.width / view.scaleX),
  };
  return clamped(moved, shape, size);
}

/** The view of the same part in a plot of another size, e.g. after the window was resized. */
export function resized(view: Viewport, shape: Shape, from: Size, to: Size): Viewport {
  const scaled = {
    ...view,
    scaleX: view.scaleX * (to.width / from.width),
    scaleY: view.scaleY * (to.height / from.height),
  };
  return zoom(scaled, 1, { x: 0, y: 0 }, shape, to);
}

function clamped(view: Viewport, { rows, cols }: Shape, { width, height }: Size): Viewport {
  const inside = (start: number, extent: number, count: number): number =>
    Math.max(0, Math.min(count - extent, start));
  return {
    ...view,
    row: inside(view.row, height / view.scaleY, rows),
    col: inside(view.col, width / view.scaleX, cols),
  };
}

/** Rows and columns of which something is seen. */
export function visible(
  view: Viewport,
  { rows, cols }: Shape,
  { width, height }: Size,
): { readonly rows: Range; readonly cols: Range } {
  const range = (start: number, extent: number, count: number): Range => [
    Math.max(0, Math.floor(start + 1e-9)),
    Math.min(count, Math.ceil(start + extent - 1e-9)),
  ];
  return {
    rows: range(view.row, height / view.scaleY, rows),
    cols: range(view.col, width / view.scaleX, cols),
  };
}

/** The weight under a pixel of the plot; undefined beside the plot or the matrix. */
export function weightAt(
  view: Viewport,
  at: Point,
  { rows, cols }: Shape,
  { width, height }: Size,
): { readonly row: number; readonly col: number } | undefined {
  const row = Math.floor(view.row + at.y / view.scaleY);
  const col = Math.floor(view.col + at.x / view.scaleX);
  const inPlot = at.x >= 0 && at.y >= 0 && at.x < width && at.y < height;
  return inPlot && row < rows && col < cols ? { row, col } : undefined;
}
