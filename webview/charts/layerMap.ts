/**
 * The layer map: every decoder layer (left to right) × its seven matrices (top to bottom), coloured by one figure.
 * Cells are the way into the rest of the page: a click, Enter or Space selects the matrix; arrow keys move.
 */
import { type Role, ROLES } from "../../daemon/vocabulary.ts";
import { h } from "./element.ts";
import { type FigureName, FIGURES } from "./figures.ts";
import {
  cellElement,
  focusedCell,
  type Cell,
  type MappedMatrix,
  type MatrixId,
} from "./layerMapCells.ts";
import { layerMapGrid } from "./layerMapGrid.ts";
import { rampLegend } from "./legend.ts";
import { matrixSummary } from "./matrixSummary.ts";

export type { MappedMatrix, MatrixId } from "./layerMapCells.ts";

export interface MappedLayer {
  readonly index: number;
  readonly matrices: Readonly<Record<Role, MappedMatrix>>;
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

export function layerMap(
  container: HTMLElement,
  data: LayerMapData,
  { width, figure, selected: chosen, onSelect }: LayerMapOptions,
): void {
  // A redraw does not throw the keyboard out of the map.
  const focused = focusedCell(container);
  const spec = FIGURES[figure];
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
  const cells = ROLES.map((role, row) =>
    Array.from({ length: data.layerCount }, (_, column): Cell => {
      const matrix = byIndex.get(column)?.matrices[role];
      return { layer: column, role, column, row, matrix };
    }),
  );
  const read = (cell: Cell | undefined): void => {
    if (cell === undefined) readout.replaceChildren();
    else readout.replaceChildren(...matrixSummary(cell.layer, cell.role, cell.matrix));
  };
  const selected = cells[ROLES.indexOf(chosen.role)]?.[chosen.layer];
  read(selected);
  layerMapGrid(scroller, cells, {
    ...{ width, figure, scale, selected },
    onRead: read,
    onChoose: ({ layer, role }) => {
      onSelect({ layer, role });
    },
  });
  if (focused !== undefined) cellElement(scroller, focused)?.focus();
}
