/** The page of `npm start`: every method and pattern with and without rotation, and a way into each run. */
import type { ComparisonReport, ComparisonRow } from "../../daemon/report.ts";
import {
  type Column,
  dataTable,
  format,
  h,
  perplexityChart,
  recovered,
  responsive,
} from "../charts/index.ts";
import { paragraph, section, segmented } from "../controls/index.ts";
import { runSections, warnings } from "./runPage.ts";
import { METHOD_NAMES, methodAndPattern, patternText, perplexityMeaning } from "../words.ts";

export function comparisonPage(data: ComparisonReport): HTMLElement[] {
  return [header(data), results(data), ...look(data)];
}

function header(data: ComparisonReport): HTMLElement {
  return h(
    "header",
    { class: "page-header" },
    h("p", { class: "page-kicker" }, "DenoiseRotator comparison"),
    h("h1", {}, data.title),
    paragraph(
      "The same model pruned with each method, once as it is and once after a learned rotation that concentrates importance in fewer weights.",
      "page-lead",
    ),
  );
}

function results(data: ComparisonReport): HTMLElement {
  const dense = data.dense.perplexity;
  const chart = h("div", { class: "page-chart page-narrow" });
  responsive(chart, (width) => {
    perplexityChart(
      chart,
      {
        dense,
        pairs: data.rows.map((r) => ({
          label: methodAndPattern(r.method, r.pattern),
          pruned: r.pruned,
          rotated: r.rotated,
        })),
      },
      { width },
    );
  });
  const table = h("div");
  dataTable(
    table,
    { columns: columns(dense), rows: data.rows },
    { caption: "Perplexity and time by method and pattern", sortable: true },
  );
  return section(
    2,
    "Perplexity",
    ...summary(data),
    chart,
    table,
    paragraph(perplexityMeaning(data.dense), "dr-note"),
    paragraph(
      `Recovered is the part of pruning's harm, in log-perplexity, that rotation undoes. Times are wall-clock on ${data.machine}.`,
      "dr-note",
    ),
  );
}

function summary(data: ComparisonReport): HTMLElement[] {
  const shares = data.rows
    .map((r) => recovered(data.dense.perplexity, r.pruned, r.rotated))
    .filter((s): s is number => s !== undefined);
  if (shares.length === 0) return [];
  const [low, high] = [Math.min(...shares), Math.max(...shares)];
  return [
    paragraph(
      low < 0
        ? `Rotation helps in ${shares.filter((s) => s > 0).length} of ${shares.length} cases and makes it worse in the others.`
        : `Rotation undoes ${format.percent(low, 0)} to ${format.percent(high, 0)} of the harm that pruning does, measured in log-perplexity. The dense model is at ${format.perplexity(data.dense.perplexity)}.`,
    ),
  ];
}

function columns(dense: number): Column<ComparisonRow>[] {
  const share = (r: ComparisonRow): number =>
    recovered(dense, r.pruned, r.rotated) ?? Number.NEGATIVE_INFINITY;
  return [
    { label: "method", value: (r) => METHOD_NAMES[r.method] },
    { label: "pattern", value: (r) => patternText(r.pattern) },
    { label: "pruned", value: (r) => r.pruned, format: (r) => format.perplexity(r.pruned) },
    {
      label: "rotated + pruned",
      value: (r) => r.rotated,
      format: (r) => format.perplexity(r.rotated),
    },
    {
      label: "recovered",
      value: share,
      format: (r) => (Number.isFinite(share(r)) ? format.percent(share(r), 0) : "–"),
    },
    {
      label: "time pruned",
      value: (r) => r.secondsPruned,
      format: (r) => format.duration(r.secondsPruned),
    },
    {
      label: "time rotated",
      value: (r) => r.secondsRotated,
      format: (r) => format.duration(r.secondsRotated),
    },
    { label: "checkpoint", value: (r) => r.output },
  ];
}

/** The selector and the sections of the run it points at. */
function look(data: ComparisonReport): HTMLElement[] {
  const first = data.rows[0];
  if (first === undefined) return [paragraph("No run is in this comparison.", "dr-empty")];
  const body = h("div");
  const show = (row: ComparisonRow): void => {
    body.replaceChildren(...warnings(row.report), ...runSections(row.report, 3));
  };
  const chooser = segmented(
    "Run to look into",
    data.rows.map((r, i) => ({ value: String(i), label: methodAndPattern(r.method, r.pattern) })),
    "0",
    (value) => {
      const row = data.rows[Number(value)];
      if (row !== undefined) show(row);
    },
  );
  show(first);
  return [section(2, "Look into a run", chooser), body];
}
