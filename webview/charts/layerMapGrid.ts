/** The grid of a layer map: cells on one colour scale that the pointer reads and chooses, and that the keyboard walks. */
import { select } from "d3";
import { ROLES } from "../../daemon/vocabulary.ts";
import { colourOf, type ColourScale, inkOn } from "./colour.ts";
import type { Svg } from "./element.ts";
import { type FigureName, FIGURES } from "./figures.ts";
import { cellElement, keyOf, neighbour, type Cell } from "./layerMapCells.ts";

export interface GridOptions {
  readonly width: number;
  readonly figure: FigureName;
  readonly scale: ColourScale;
  readonly selected: Cell | undefined;
  /** The pointer or the keyboard is on a cell, or on none any more. */
  readonly onRead: (cell: Cell | undefined) => void;
  readonly onChoose: (cell: Cell) => void;
}

const CELL_HEIGHT = 28;
const GAP = 2;
/** Between attention and MLP. */
const GROUP_GAP = 10;
const FIRST_MLP_ROW = ROLES.indexOf("gate");
const BOTTOM = 36;
/** Narrowest cell that holds its value as text. */
const TEXT_WIDTH = 54;
/** Narrowest map with the names of its groups beside it. */
const WIDE = 560;

interface Geometry {
  readonly wide: boolean;
  readonly left: number;
  readonly cellWidth: number;
  readonly height: number;
}

/** @param cells by row, a row a role */
export function layerMapGrid(
  container: HTMLElement,
  cells: readonly (readonly Cell[])[],
  options: GridOptions,
): void {
  const columns = cells[0]?.length ?? 0;
  const geometry = geometryOf(options.width, columns);
  const { left, cellWidth, height } = geometry;
  const svg = select(container)
    .append("svg")
    .attr("class", "dr-svg")
    .attr("width", left + columns * cellWidth + 2)
    .attr("height", height)
    .attr("role", "grid")
    .attr(
      "aria-label",
      `${FIGURES[options.figure].label} of every matrix, by layer. Enter shows the matrix.`,
    )
    .attr("aria-rowcount", ROLES.length)
    .attr("aria-colcount", columns);
  drawLabels(svg, columns, geometry);
  drawCells(svg, container, cells, options, geometry);
  if (options.selected !== undefined) drawRing(svg, options.selected, geometry);
}

function geometryOf(width: number, columns: number): Geometry {
  const wide = width >= WIDE;
  const left = wide ? 116 : 44;
  const cellWidth = Math.min(92, Math.max(16, Math.floor((width - left - 2) / columns)));
  return { wide, left, cellWidth, height: top(ROLES.length) + BOTTOM };
}

const top = (row: number): number => 3 + row * CELL_HEIGHT + (row >= FIRST_MLP_ROW ? GROUP_GAP : 0);

const placeOf = ({ column, row }: Cell, { left, cellWidth }: Geometry): string =>
  `translate(${left + column * cellWidth},${top(row)})`;

function drawLabels(svg: Svg, columns: number, { wide, left, cellWidth, height }: Geometry): void {
  const groups = [
    { name: "attention", row: 0 },
    { name: "MLP", row: FIRST_MLP_ROW },
  ];
  for (const { name, row } of wide ? groups : []) {
    svg
      .append("text")
      .attr("class", "dr-tick")
      .attr("x", 0)
      .attr("y", top(row) + 18)
      .text(name);
  }
  // Layer numbers: as many as fit, the first always.
  const every = Math.max(1, Math.ceil(26 / cellWidth));
  svg
    .append("g")
    .attr("aria-hidden", "true")
    .selectAll("text")
    .data(Array.from({ length: columns }, (_, i) => i).filter((i) => i % every === 0))
    .join("text")
    .attr("class", "dr-tick")
    .attr("x", (i) => left + (i + 0.5) * cellWidth)
    .attr("y", height - BOTTOM + 16)
    .attr("text-anchor", "middle")
    .text((i) => i);
  svg
    .append("text")
    .attr("class", "dr-axis-label")
    .attr("x", left)
    .attr("y", height - 4)
    .text("decoder layer →");
}

function drawCells(
  svg: Svg,
  container: HTMLElement,
  cells: readonly (readonly Cell[])[],
  { figure, scale, selected, onRead, onChoose }: GridOptions,
  geometry: Geometry,
): void {
  const { left, cellWidth } = geometry;
  const spec = FIGURES[figure];
  const rows = svg
    .selectAll("g.dr-map-row")
    .data(cells)
    .join("g")
    .attr("class", "dr-map-row")
    .attr("role", "row");
  rows
    .append("text")
    .attr("class", "dr-label")
    .attr("role", "rowheader")
    .attr("x", left - 10)
    .attr("y", (_, row) => top(row) + 18)
    .attr("text-anchor", "end")
    .text((row) => row[0]?.role ?? "");

  const groups = rows
    .selectAll<SVGGElement, Cell>("g")
    .data((row) => row)
    .join("g")
    .attr("class", (c) => (c.matrix === undefined ? "dr-cell dr-cell-empty" : "dr-cell"))
    .attr("role", "gridcell")
    .attr("data-cell", keyOf)
    .attr("tabindex", (c) => (c === selected ? 0 : -1))
    .attr("aria-selected", (c) => String(c === selected))
    .attr("aria-label", (c) =>
      c.matrix === undefined
        ? `layer ${c.layer}, ${c.role}: not done yet`
        : `layer ${c.layer}, ${c.role}: ${spec.format(spec.value(c.matrix))}`,
    )
    .attr("transform", (c) => placeOf(c, geometry));
  groups
    .append("rect")
    .attr("width", cellWidth - GAP)
    .attr("height", CELL_HEIGHT - GAP)
    .attr("fill", (c) => (c.matrix === undefined ? "none" : colourOf(scale, spec.value(c.matrix))));
  if (cellWidth >= TEXT_WIDTH) {
    groups
      .append("text")
      .attr("class", "dr-cell-value")
      .attr("x", (cellWidth - GAP) / 2)
      .attr("y", 17)
      .attr("text-anchor", "middle")
      .attr("fill", (c) =>
        c.matrix === undefined ? "none" : inkOn(colourOf(scale, spec.value(c.matrix))),
      )
      .text((c) => (c.matrix === undefined ? "" : spec.format(spec.value(c.matrix))));
  }

  const choose = (cell: Cell): void => {
    if (cell.matrix !== undefined) onChoose(cell);
  };
  groups
    .on("pointerenter focus", (_, c) => {
      onRead(c);
    })
    .on("pointerleave", () => {
      onRead(selected);
    })
    .on("click", (_, c) => {
      choose(c);
    })
    .on("keydown", (event: KeyboardEvent, c) => {
      if (event.key === "Enter" || event.key === " ") {
        choose(c);
      } else {
        const next = neighbour(cells, c, event.key);
        if (next === undefined) return;
        const element = cellElement(container, keyOf(next));
        groups.attr("tabindex", -1);
        element?.setAttribute("tabindex", "0");
        element?.focus();
      }
      event.preventDefault();
    });
}

/** Above all cells, light on dark or dark on light: seen around cells of any colour in any theme. */
function drawRing(svg: Svg, cell: Cell, geometry: Geometry): void {
  const ring = svg
    .append("g")
    .attr("class", "dr-cell-ring")
    .attr("aria-hidden", "true")
    .attr("transform", placeOf(cell, geometry));
  for (const inset of [-1, 1]) {
    ring
      .append("rect")
      .attr("x", inset)
      .attr("y", inset)
      .attr("width", geometry.cellWidth - GAP - 2 * inset)
      .attr("height", CELL_HEIGHT - GAP - 2 * inset);
  }
}
