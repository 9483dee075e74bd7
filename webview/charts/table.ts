/** A table that sorts by its columns and can be saved as CSV. */
import { h } from "./element.ts";

export interface Column<Row> {
  readonly label: string;
  /** What is sorted and written to CSV. */
  readonly value: (row: Row) => string | number;
  /** What is shown; the value itself if absent. */
  readonly format?: (row: Row) => string;
}

export interface TableOptions {
  readonly caption: string;
  /** Without sorting the columns are plain headings. */
  readonly sortable: boolean;
}

export function dataTable<Row>(
  container: HTMLElement,
  data: { readonly columns: readonly Column<Row>[]; readonly rows: readonly Row[] },
  options: TableOptions,
): void {
  const { columns } = data;
  const body = h("tbody");
  const fill = (rows: readonly Row[]): void => {
    body.replaceChildren(
      ...rows.map((row) => h("tr", {}, ...columns.map((column, i) => cell(column, row, i === 0)))),
    );
  };
  const headings = columns.map((column) => heading(column, data.rows[0]));
  if (options.sortable) {
    for (const [i, column] of columns.entries()) {
      const th = headings[i];
      if (th === undefined) continue;
      const button = h("button", { type: "button", class: "dr-sort" }, column.label);
      th.replaceChildren(button);
      button.addEventListener("click", () => {
        const ascending = th.getAttribute("aria-sort") !== "ascending";
        for (const other of headings) other.removeAttribute("aria-sort");
        th.setAttribute("aria-sort", ascending ? "ascending" : "descending");
        fill(sorted(data.rows, column, ascending));
      });
    }
  }
  fill(data.rows);
  const table = h(
    "table",
    { class: "dr-table" },
    h("caption", { class: "dr-visually-hidden" }, options.caption),
    h("thead", {}, h("tr", {}, ...headings)),
    body,
  );
  // Scrollable regions must be reachable by keyboard.
  container.replaceChildren(
    h(
      "div",
      { class: "dr-scroll", tabindex: 0, role: "region", "aria-label": options.caption },
      table,
    ),
  );
}

function heading<Row>(column: Column<Row>, sample: Row | undefined): HTMLTableCellElement {
  const numeric = sample !== undefined && typeof column.value(sample) === "number";
  return h("th", { scope: "col", class: numeric ? "dr-number" : undefined }, column.label);
}

function cell<Row>(column: Column<Row>, row: Row, first: boolean): HTMLTableCellElement {
  const value = column.value(row);
  const text = column.format?.(row) ?? String(value);
  const className = typeof value === "number" ? "dr-number" : undefined;
  return first
    ? h("th", { scope: "row", class: className }, text)
    : h("td", { class: className }, text);
}

/** A sorted copy; numbers by size, text by the reader's alphabet, equals in their old order. */
export function sorted<Row>(
  rows: readonly Row[],
  column: Column<Row>,
  ascending: boolean,
): readonly Row[] {
  const sign = ascending ? 1 : -1;
  return [...rows].sort((a, b) => {
    const x = column.value(a);
    const y = column.value(b);
    const order =
      typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
    return sign * order;
  });
}

/** RFC 4180 with a heading line: fields that hold a comma, a quote or a line break are quoted. */
export function toCsv<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const field = (value: string | number): string => {
    const text = String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = [
    columns.map((c) => field(c.label)),
    ...rows.map((row) => columns.map((c) => field(c.value(row)))),
  ];
  return lines.map((line) => `${line.join(",")}\r\n`).join("");
}
