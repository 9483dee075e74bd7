/** Aligned columns. Cells may be coloured; text from files must have been made {@link printable} first. */
import { padEnd, padStart, width } from "./text.ts";

export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
}

/**
 * One string per line, header first. `title` styles the header, which is left out when no column has a title.
 * `null` among the rows is an empty line between groups.
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[] | null)[],
  title: (text: string) => string = (text) => text,
): string[] {
  const widths = columns.map((column, i) =>
    Math.max(width(column.title), ...rows.map((row) => width(row?.[i] ?? ""))),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => {
        const columnWidth = widths[i] ?? 0;
        return columns[i]?.align === "right"
          ? padStart(cell, columnWidth)
          : padEnd(cell, columnWidth);
      })
      .join("  ")
      .trimEnd();
  const head = columns.some((column) => column.title !== "")
    ? [title(line(columns.map((column) => column.title)))]
    : [];
  return [...head, ...rows.map((row) => (row === null ? "" : line(row)))];
}
