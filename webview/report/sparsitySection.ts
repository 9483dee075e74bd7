/** "Sparsity of every matrix": the strip chart and the full table, which can be sorted and saved. */
import type { MatrixReport, RunReport } from "../../daemon/report.ts";
import { type Role, ROLES } from "../../daemon/vocabulary.ts";
import {
  type Column,
  dataTable,
  format,
  h,
  responsive,
  sparsityChart,
  sparsitySentence,
  toCsv,
} from "../charts/index.ts";
import { downloadButton, type Level, paragraph, section } from "./controls.ts";
import { prunedShare } from "./words.ts";

interface Row extends MatrixReport {
  readonly layer: number;
  readonly role: Role;
}

export function sparsity(report: RunReport, level: Level): HTMLElement {
  const rows: Row[] = report.layers.flatMap((layer) =>
    ROLES.map((role) => ({ layer: layer.index, role, ...layer.matrices[role] })),
  );
  const target = prunedShare(report.recipe.pattern);
  const chart = h("div", { class: "page-chart page-narrow" });
  responsive(chart, (width) => {
    sparsityChart(chart, rows, { width, target });
  });
  const table = h("div");
  dataTable(table, { columns: COLUMNS, rows }, { caption: "Every pruned matrix", sortable: true });
  return section(
    level,
    "Sparsity of every matrix",
    paragraph(`${sparsitySentence(rows, target)} Zeros are counted in the matrices as written.`),
    chart,
    table,
    downloadButton("Save as CSV", "denoise-matrices.csv", () => toCsv(COLUMNS, rows)),
  );
}

const COLUMNS: readonly Column<Row>[] = [
  { label: "layer", value: (r) => r.layer },
  { label: "matrix", value: (r) => r.role },
  { label: "rows", value: (r) => r.shape[0], format: (r) => format.count(r.shape[0]) },
  { label: "columns", value: (r) => r.shape[1], format: (r) => format.count(r.shape[1]) },
  { label: "zeros", value: (r) => r.zeros, format: (r) => format.count(r.zeros) },
  { label: "sparsity", value: (r) => r.sparsity, format: (r) => format.percent(r.sparsity, 2) },
  {
    label: "entropy before",
    value: (r) => r.entropy.before,
    format: (r) => format.figure(r.entropy.before),
  },
  {
    label: "entropy after",
    value: (r) => r.entropy.after,
    format: (r) => format.figure(r.entropy.after),
  },
  {
    label: "pruned mass before",
    value: (r) => r.prunedMass.before,
    format: (r) => format.percent(r.prunedMass.before),
  },
  {
    label: "pruned mass after",
    value: (r) => r.prunedMass.after,
    format: (r) => format.percent(r.prunedMass.after),
  },
];
