/** What is in view as CSV: a line for each weight where weights are seen, else for each cell. */
import { toCsv } from "../charts/index.ts";
import type { ShownCell } from "../matrix/index.ts";

export function matrixCsv(cells: readonly ShownCell[]): string {
  const titles = [...new Set(cells.flatMap(({ values }) => Object.keys(values)))];
  return toCsv<ShownCell>(
    [
      { label: "first row", value: (c) => c.rows[0] },
      { label: "last row", value: (c) => c.rows[1] - 1 },
      { label: "first column", value: (c) => c.cols[0] },
      { label: "last column", value: (c) => c.cols[1] - 1 },
      ...titles.map((label) => ({ label, value: (c: ShownCell) => c.values[label] ?? "" })),
    ],
    cells,
  );
}
