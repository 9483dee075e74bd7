/** "What rotation learned": loss by step, and entropy and pruned mass of every layer before and after. */
import type { LayerReport, RunReport } from "../../daemon/report.ts";
import {
  type Column,
  curvesChart,
  dataTable,
  depthChart,
  format,
  h,
  learnedCurves,
} from "../charts/index.ts";
import { chartBox, figuresSection, type Level, paragraph } from "../controls/index.ts";
import { isRotated, scopeWords } from "../words.ts";
import { BEFORE_AFTER_COLUMNS } from "./beforeAfter.ts";

export function learning(report: RunReport, level: Level): HTMLElement {
  const rotated = isRotated(report.recipe);
  const entropy = depth(report, "entropy", "entropy, nats", format.tick, false);
  const mass = depth(report, "prunedMass", "pruned mass", (v) => format.percent(v, 0), true);
  const table = h("div");
  dataTable(
    table,
    { columns: LAYER_COLUMNS, rows: report.layers },
    { caption: "Entropy and pruned mass by layer", sortable: false },
  );
  const scope = capital(scopeWords(report.recipe.rotation));
  return figuresSection(
    level,
    rotated ? "What rotation learned" : "Entropy and pruned mass by layer",
    {
      lead: [
        paragraph(
          rotated
            ? `${scope}, ${format.count(report.recipe.steps)} steps on the ${report.recipe.objective} objective.`
            : "Not rotated: nothing was learned, and every figure is the same before and after.",
        ),
      ],
      charts: [
        ...(rotated ? [curves(report)] : []),
        h("div", { class: "page-columns" }, entropy, mass),
      ],
      notes: [
        paragraph(
          "Entropy is that of the importance, normalised along the axis that rotation acts on and summed: the paper's objective. " +
            "Pruned mass is the share of importance that the pattern deletes, averaged over the seven matrices.",
          "dr-note",
        ),
      ],
      table,
      tableSummary: "Show as a table",
    },
  );
}

function curves(report: RunReport): HTMLElement {
  const learned = learnedCurves(report.layers);
  let layer = learned[0]?.first ?? 0;
  const chart = chartBox((container, width) => {
    curvesChart(container, report.layers, { width, layer });
  });
  if (learned.length < 2) return chart.element;

  const select = h(
    "select",
    { class: "page-select" },
    ...learned.map((c) =>
      h(
        "option",
        { value: c.first },
        c.first === c.last ? `layer ${c.first}` : `layers ${format.range(c.first, c.last)}`,
      ),
    ),
  );
  select.addEventListener("change", () => {
    layer = Number(select.value);
    chart.redraw();
  });
  return h("div", {}, h("label", { class: "page-field" }, "Highlight ", select), chart.element);
}

function depth(
  report: RunReport,
  key: "entropy" | "prunedMass",
  label: string,
  write: (value: number) => string,
  fromZero: boolean,
): HTMLElement {
  return chartBox((container, width) => {
    depthChart(
      container,
      report.layers.map((l) => ({ layer: l.index, ...l[key] })),
      { width, label, format: write, rotated: isRotated(report.recipe), fromZero },
    );
  }).element;
}

const LAYER_COLUMNS: readonly Column<LayerReport>[] = [
  { label: "layer", value: (l) => l.index },
  ...BEFORE_AFTER_COLUMNS,
  {
    label: "last loss",
    value: (l) => l.curve.at(-1)?.loss ?? 0,
    format: (l) => (l.curve.length === 0 ? "–" : format.figure(l.curve.at(-1)?.loss ?? 0)),
  },
];

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
