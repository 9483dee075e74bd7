/** The distribution page: how importance is spread over the weights of one matrix, kept and pruned (figure 2 of the paper). */
import * as z from "zod/mini";
import type { MatrixReport } from "../../../daemon/report.ts";
import { ROLES } from "../../../daemon/vocabulary.ts";
import {
  h,
  importanceHistogram,
  lorenzChart,
  lorenzSentence,
  matrixFigures,
  toCsv,
} from "../../charts/index.ts";
import { chartBox } from "../../controls/index.ts";
import type { MatrixId, RunView } from "../../messages.ts";
import { isRotated } from "../../words.ts";
import { Bridge } from "../bridge.ts";
import { runMatrixPage } from "../matrixPage.ts";
import { partsIn, saveButtons } from "../saving.ts";
import { BIN_COLUMNS, binRows } from "./bins.ts";

const stateSchema = z.object({ layer: z.int(), role: z.enum(ROLES) });

const bridge = new Bridge();
const kept = stateSchema.safeParse(bridge.saved());

interface Shown {
  readonly matrix: MatrixReport;
  readonly title: string;
  readonly rotated: boolean;
}
let shown: Shown | null = null;

const heading = h("h2");
const figures = h("p", { class: "dr-readout panel-figures" });
const sentence = h("p", { class: "panel-lead" });
const histogram = chartBox((container, width) => {
  if (shown === null) return;
  const { matrix, ...rest } = shown;
  importanceHistogram(container, matrix.histogram, { width, ...rest });
});
const lorenz = chartBox((container, width) => {
  if (shown === null) return;
  const { matrix, ...rest } = shown;
  lorenzChart(container, matrix.histogram, { width, ...rest, share: matrix.sparsity });
});
const charts = h(
  "div",
  { class: "panel-columns" },
  h(
    "section",
    { class: "panel-section" },
    h("h3", {}, "Importance of the weights"),
    histogram.element,
  ),
  h("section", { class: "panel-section" }, h("h3", {}, "Lorenz curve"), lorenz.element),
);
const note = h(
  "p",
  { class: "dr-note" },
  "Before rotation, pruned is what the pattern would delete; after it, what the method deleted. The leftmost bar also holds all smaller weights, and tails of less than half a percent are cut. The more a Lorenz curve sags, the less the least important weights hold.",
);

function show(matrix: MatrixReport, { layer, role }: MatrixId, { recipe }: RunView): void {
  const title = `Layer ${layer} · ${role}`;
  const rotated = recipe === null || isRotated(recipe);
  shown = { matrix, title, rotated };
  heading.textContent = title;
  figures.replaceChildren(...matrixFigures(matrix).map((part) => h("span", {}, part)));
  sentence.textContent = lorenzSentence(matrix.histogram, matrix.sparsity, rotated);
  histogram.redraw();
  lorenz.redraw();
}

runMatrixPage(bridge, "distribution", kept.success ? kept.data : null, {
  build(picker) {
    const saving = saveButtons(bridge, {
      name: () => `${shown?.title ?? "matrix"} distribution`,
      parts: () => partsIn(charts, shown?.title ?? ""),
      csv: () => (shown === null ? "" : toCsv(BIN_COLUMNS, binRows(shown.matrix.histogram))),
    });
    saving.classList.add("panel-push");
    return [
      h("div", { class: "panel-toolbar" }, picker.element, saving),
      heading,
      figures,
      sentence,
      charts,
      note,
    ];
  },
  show,
  save(id) {
    bridge.save(id);
  },
});
