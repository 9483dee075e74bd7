/** "Sparsity of every matrix": the strip chart and the full table, which can be sorted and saved. */
import type { MatrixReport, RunReport } from "../../daemon/report.ts";
import { type Role, ROLES } from "../../daemon/vocabulary.ts";
import {
  type Column,
  dataTable,
  format,
  h,
  sparsityChart,
  sparsitySentence,
  toCsv,
} from "../charts/index.ts";
import {
  chartBox,
  downloadButton,
  figuresSection,
  type Level,
  paragraph,
} from "../controls/index.ts";
import { layerShare } from "../words.ts";
import { BEFORE_AFTER_COLUMNS } from "./beforeAfter.ts";

interface Row extends MatrixReport {
  readonly layer: number;
  readonly role: Role;
  /** What was asked of its layer, 0…1. */
  readonly target: number;
}

export function sparsity(report: RunReport, level: Level): HTMLElement {
  const { pattern } = report.recipe;
  const rows: Row[] = report.layers.flatMap((layer) =>
    ROLES.map((role) => ({
      layer: layer.index,
      role,
      target: layerShare(pattern, report.ratios, layer.index),
      ...layer.matrices[role],
    })),
  );
  const chart = chartBox((container, width) => {
    sparsityChart(container, rows, { width });
  }, "page-chart page-narrow");
  const table = h("div");
  const columns = [...COLUMNS, ...BEFORE_AFTER_COLUMNS];
  dataTable(table, { columns, rows }, { caption: "Every pruned matrix", sortable: true });
  return figuresSection(level, "Sparsity of every matrix", {
    lead: [paragraph(`${sparsitySentence(rows)} Zeros are counted in the matrices as written.`)],
    charts: [chart.element],
    table,
    download: downloadButton("Save as CSV", "denoise-matrices.csv", () => toCsv(columns, rows)),
  });
}

const COLUMNS: readonly Column<Row>[] = [
  { label: "layer", value: (r) => r.layer },
  { label: "matrix", value: (r) => r.role },
  { label: "rows", value: (r) => r.shape[0], format: (r) => format.count(r.shape[0]) },
  { label: "columns", value: (r) => r.shape[1], format: (r) => format.count(r.shape[1]) },
  { label: "zeros", value: (r) => r.zeros, format: (r) => format.count(r.zeros) },
  { label: "sparsity", value: (r) => r.sparsity, format: (r) => format.percent(r.sparsity, 2) },
];
