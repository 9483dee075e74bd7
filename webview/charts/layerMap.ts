/**
 * The layer map: every decoder layer (left to right) × its seven matrices (top to bottom), coloured by one figure.
 * Cells are the way into the rest of the page: a click, Enter or Space selects the matrix; arrow keys move.
 */
import { select } from "d3";
import type { MatrixReport } from "../../daemon/report.ts";
import { type Role, ROLES } from "../../daemon/vocabulary.ts";
import { colourOf, type ColourScale, inkOn } from "./colour.ts";
import { h } from "./element.ts";
import { type FigureName, FIGURES } from "./figures.ts";
import { rampLegend } from "./legend.ts";
import { matrixSummary } from "./matrixSummary.ts";

/** A matrix's figures; its pictures are not looked at. */
export type MappedMatrix = Omit<MatrixReport, "overview" | "histogram">;

export interface MappedLayer {
  readonly index: number;
  readonly matrices: Readonly<Record<Role, MappedMatrix>>;
}

export interface MatrixId {
  readonly layer: number;
  readonly role: Role;
}

export interface LayerMapData {
  /** Number of layers of the model; layers of a run under way that are not done yet are drawn empty. */
  readonly layerCount: number;
  readonly layers: readonly MappedLayer[];
}

export interface LayerMapOptions {
  readonly width: number;
  readonly figure: FigureName;
  readonly selected: MatrixId;
  readonly onSelect: (id: MatrixId) => void;
}

const CELL_HEIGHT = 28;
const GAP = 2;
/** Between attention and MLP. */
const GROUP_GAP = 10;
const FIRST_MLP_ROW = ROLES.indexOf("gate");
const BOTTOM = 36;
/** Narrowest cell that holds its value as text. */
const TEXT_WIDTH = 54;

interface Cell extends MatrixId {
  readonly column: number;
  readonly row: number;
  readonly matrix: MappedMatrix | undefined;
}

export function layerMap(
  container: HTMLElement,
  data: LayerMapData,
  options: LayerMapOptions,
): void {
  const focused = focusedCell(container);
  const spec = FIGURES[options.figure];
  const scale = spec.scale(data.layers);

  const scroller = h("div", { class: "dr-scroll-x" });
  const readout = h("p", { class: "dr-readout" });
  container.replaceChildren(
    h("p", { class: "dr-note" }, spec.meaning),
    rampLegend(scale, spec.label.toLowerCase(), spec.format),
    scroller,
    readout,
  );

  const byIndex = new Map(data.layers.map((l) => [l.index, l]));
  const cells: Cell[][] = ROLES.map((role, row) =>
    Array.from({ length: data.layerCount }, (_, column) => ({
      layer: column,
      role,
      column,
      row,
      matrix: byIndex.get(column)?.matrices[role],
    })),
  );
  const showReadout = (cell: Cell | undefined): void => {
    if (cell === undefined) readout.replaceChildren();
    else readout.replaceChildren(...matrixSummary(cell.layer, cell.role, cell.matrix));
  };
  const selected = cells[ROLES.indexOf(options.selected.role)]?.[options.selected.layer];
  showReadout(selected);

  drawGrid(scroller, cells, scale, options, showReadout, selected);
  if (focused !== undefined) cellElement(scroller, focused)?.focus();
}

function drawGrid(
  scroller: HTMLElement,
  cells: readonly (readonly Cell[])[],
  scale: ColourScale,
  options: LayerMapOptions,
  showReadout: (cell: Cell | undefined) => void,
  selected: Cell | undefined,
): void {
  const spec = FIGURES[options.figure];
  const columns = cells[0]?.length ?? 0;
  const wide = options.width >= 560;
  const left = wide ? 116 : 44;
  const cellWidth = Math.min(92, Math.max(16, Math.floor((options.width - left - 2) / columns)));
  const top = (row: number): number =>
    3 + row * CELL_HEIGHT + (row >= FIRST_MLP_ROW ? GROUP_GAP : 0);
  const height = top(ROLES.length) + BOTTOM;

  const svg = select(scroller)
    .append("svg")
    .attr("class", "dr-svg")
    .attr("width", left + columns * cellWidth + 2)
    .attr("height", height)
    .attr("role", "grid")
    .attr("aria-label", `${spec.label} of every matrix, by layer. Enter shows the matrix.`)
    .attr("aria-rowcount", ROLES.length)
    .attr("aria-colcount", columns);

  if (wide) {
    for (const [name, row] of [
      ["attention", 0],
      ["MLP", FIRST_MLP_ROW],
    ] as const) {
      svg
        .append("text")
        .attr("class", "dr-tick")
        .attr("x", 0)
        .attr("y", top(row) + 18)
        .text(name);
    }
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

  const isSelected = (c: Cell): boolean => c === selected;
  const groups = rows
    .selectAll<SVGGElement, Cell>("g")
    .data((row) => row)
    .join("g")
    .attr("class", (c) => (c.matrix === undefined ? "dr-cell dr-cell-empty" : "dr-cell"))
    .attr("role", "gridcell")
    .attr("data-cell", key)
    .attr("tabindex", (c) => (isSelected(c) ? 0 : -1))
    .attr("aria-selected", (c) => String(isSelected(c)))
    .attr("aria-label", (c) =>
      c.matrix === undefined
        ? `layer ${c.layer}, ${c.role}: not done yet`
        : `layer ${c.layer}, ${c.role}: ${spec.format(spec.value(c.matrix))}`,
    )
    .attr("transform", (c) => `translate(${left + c.column * cellWidth},${top(c.row)})`);
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
    if (cell.matrix !== undefined) options.onSelect({ layer: cell.layer, role: cell.role });
  };
  groups
    .on("pointerenter", (_, c) => {
      showReadout(c);
    })
    .on("pointerleave", () => {
      showReadout(selected);
    })
    .on("focus", (_, c) => {
      showReadout(c);
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
        const element = cellElement(scroller, key(next));
        groups.attr("tabindex", -1);
        element?.setAttribute("tabindex", "0");
        element?.focus();
      }
      event.preventDefault();
    });
}

function key(cell: MatrixId): string {
  return `${cell.layer}/${cell.role}`;
}

function neighbour(
  cells: readonly (readonly Cell[])[],
  from: Cell,
  pressed: string,
): Cell | undefined {
  const row = cells[from.row];
  switch (pressed) {
    case "ArrowLeft":
      return row?.[from.column - 1];
    case "ArrowRight":
      return row?.[from.column + 1];
    case "ArrowUp":
      return cells[from.row - 1]?.[from.column];
    case "ArrowDown":
      return cells[from.row + 1]?.[from.column];
    case "Home":
      return row?.[0];
    case "End":
      return row?.at(-1);
    default:
      return undefined;
  }
}

/** The focused cell's key, so that a redraw does not throw the keyboard out of the map. */
function focusedCell(container: HTMLElement): string | undefined {
  const active = container.ownerDocument.activeElement;
  if (active === null || !container.contains(active)) return undefined;
  return active.getAttribute("data-cell") ?? undefined;
}

function cellElement(container: HTMLElement, cellKey: string): SVGGElement | null {
  return container.querySelector<SVGGElement>(`[data-cell="${cellKey}"]`);
}
