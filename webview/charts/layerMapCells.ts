/** The cells of a layer map: which matrix each is, and how the keyboard gets from one to another. */
import type { MatrixReport } from "../../daemon/report.ts";
import type { Role } from "../../daemon/vocabulary.ts";

/** A matrix's figures; its pictures are not looked at. */
export type MappedMatrix = Omit<MatrixReport, "overview" | "histogram">;

export interface MatrixId {
  readonly layer: number;
  readonly role: Role;
}

export interface Cell extends MatrixId {
  readonly column: number;
  readonly row: number;
  /** Undefined: not done yet. */
  readonly matrix: MappedMatrix | undefined;
}

/** Where an arrow, Home or End leads; undefined at an edge and for other keys. */
export function neighbour(
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

/** As in the attribute `data-cell`. */
export const keyOf = ({ layer, role }: MatrixId): string => `${layer}/${role}`;

/** The focused cell's key. */
export function focusedCell(container: HTMLElement): string | undefined {
  const active = container.ownerDocument.activeElement;
  if (active === null || !container.contains(active)) return undefined;
  return active.getAttribute("data-cell") ?? undefined;
}

export function cellElement(container: HTMLElement, cellKey: string): SVGGElement | null {
  return container.querySelector<SVGGElement>(`[data-cell="${cellKey}"]`);
}
