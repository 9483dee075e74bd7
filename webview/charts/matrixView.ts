/**
 * One matrix: importance before rotation, after rotation, and the mask, side by side. Pixels on a canvas under SVG
 * axes; before and after share one log colour scale. Pointer or arrow keys move a cross-hair through all panels and
 * a read-out names the rows, columns and values under it.
 */
import { ticks } from "d3";
import type { MatrixReport, Overview } from "../../daemon/report.ts";
import { type ColourScale, mask as maskRamp, sequential } from "./colour.ts";
import { h } from "./element.ts";
import { fromLog10, percent, powerOfTen, range } from "./format.ts";
import { rampLegend, swatchLegend } from "./legend.ts";
import { cellRange, commonDomain, decodeOverview, type Grid } from "./overview.ts";
import { type CellIndex, rasterPanel, type Panel } from "./rasterPanel.ts";

export interface MatrixViewOptions {
  readonly width: number;
  /** e.g. `Layer 3 · gate` */
  readonly title: string;
  /** Without rotation there is only one importance to show. */
  readonly rotated: boolean;
}

/** Narrowest panel worth having beside another. */
const MIN_PANEL = 300;

export function matrixView(
  container: HTMLElement,
  matrix: MatrixReport,
  options: MatrixViewOptions,
): void {
  const panels = panelsOf(matrix, options);
  const perRow = Math.max(1, Math.min(panels.length, Math.floor(options.width / MIN_PANEL)));
  const panelWidth = Math.min(420, Math.floor((options.width - (perRow - 1) * 24) / perRow));

  const readout = h("p", { class: "dr-readout", "aria-live": "polite" });
  const hint = h(
    "span",
    { class: "dr-hint" },
    "Point at a cell, or focus a panel and use the arrow keys, to read its value.",
  );
  readout.append(hint);
  const row = h("div", { class: "dr-panels" });
  const crosshairs: ((cell: CellIndex | undefined) => void)[] = [];
  const show = (cell: CellIndex | undefined): void => {
    for (const move of crosshairs) move(cell);
    readout.replaceChildren(...(cell === undefined ? [hint] : describe(panels, matrix, cell)));
  };
  for (const panel of panels) {
    const figure = h("figure", { class: "dr-panel" }, h("figcaption", {}, panel.title));
    crosshairs.push(rasterPanel(figure, panel, matrix, panelWidth, options.title, show));
    row.append(figure);
  }
  const importance = panels[0];
  const maskPanel = panels.at(-1);
  const legends = h("div", { class: "dr-legends" });
  if (importance !== undefined) {
    legends.append(importanceLegend(importance.scale));
  }
  if (maskPanel !== undefined) legends.append(maskLegend(maskPanel));
  container.replaceChildren(row, readout, legends);
}

function importanceLegend(scale: ColourScale): HTMLElement {
  const decades = ticks(...scale.domain, 4).filter(Number.isInteger);
  return decades.length < 2
    ? rampLegend(scale, "importance", fromLog10, scale.domain)
    : rampLegend(scale, "importance", powerOfTen, decades);
}

function maskLegend(panel: Panel): HTMLElement {
  return panel.exact
    ? swatchLegend([
        { label: "kept", className: "dr-mask-kept", shape: "box" },
        { label: "pruned", className: "dr-mask-pruned", shape: "box" },
      ])
    : rampLegend(panel.scale, "share of a cell's weights pruned", (v) => percent(v, 0));
}

function panelsOf(matrix: MatrixReport, options: MatrixViewOptions): Panel[] {
  const before = decodeOverview(matrix.overview.before);
  const after = decodeOverview(matrix.overview.after);
  const isExact = (grid: Grid): boolean =>
    grid.rows === matrix.shape[0] && grid.cols === matrix.shape[1];
  const scale: ColourScale = { domain: commonDomain([before, after]), ramp: sequential };
  const importance = (title: string, name: string, grid: Grid, overview: Overview): Panel => ({
    title,
    grid,
    scale,
    gist: `importance from ${fromLog10(overview.min)} to ${fromLog10(overview.max)}`,
    describe: (v) => `${name} ${fromLog10(v)}`,
    exact: isExact(grid),
  });
  const maskGrid = decodeOverview(matrix.overview.mask);
  const mask: Panel = {
    title: "Mask",
    grid: maskGrid,
    scale: { domain: [0, 1], ramp: maskRamp },
    gist: `${percent(matrix.sparsity, 2)} of the weights pruned`,
    describe: isExact(maskGrid)
      ? (v) => (v < 0.5 ? "kept" : "pruned")
      : (v) => `${percent(v, 0)} pruned`,
    exact: isExact(maskGrid),
  };
  return options.rotated
    ? [
        importance("Importance before rotation", "before", before, matrix.overview.before),
        importance("Importance after rotation", "after", after, matrix.overview.after),
        mask,
      ]
    : [importance("Importance", "importance", after, matrix.overview.after), mask];
}

function describe(panels: readonly Panel[], matrix: MatrixReport, cell: CellIndex): Node[] {
  const [outs, ins] = matrix.shape;
  const first = panels[0];
  if (first === undefined) return [];
  const [r0, r1] = cellRange(cell.row, first.grid.rows, outs);
  const [c0, c1] = cellRange(cell.col, first.grid.cols, ins);
  const place = `${r0 === r1 ? "row" : "rows"} ${range(r0, r1)}, ${c0 === c1 ? "column" : "columns"} ${range(c0, c1)}`;
  const values = panels.map((panel) => {
    const value = panel.grid.values[cell.row * panel.grid.cols + cell.col] ?? 0;
    return h("span", {}, panel.describe(value));
  });
  return [h("strong", {}, place), ...values];
}
