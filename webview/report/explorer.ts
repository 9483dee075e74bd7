/** "Where importance went": the layer map, and the matrix chosen on it as heatmaps, histogram and Lorenz curve. */
import type { RunReport } from "../../daemon/report.ts";
import { ROLES } from "../../daemon/vocabulary.ts";
import {
  FIGURES,
  type FigureName,
  h,
  importanceHistogram,
  layerMap,
  lorenzChart,
  lorenzSentence,
  type MatrixId,
  matrixView,
  responsive,
  ROTATED_FIGURES,
  UNROTATED_FIGURES,
} from "../charts/index.ts";
import { type Level, paragraph, section, segmented } from "../controls/index.ts";
import { isRotated, layerShare, reordersNeurons, rotatedAxes } from "../words.ts";

export function explorer(report: RunReport, level: Level): HTMLElement {
  const rotated = isRotated(report.recipe);
  const names: readonly FigureName[] = rotated ? ROTATED_FIGURES : UNROTATED_FIGURES;
  let figure: FigureName = names[0] ?? "sparsity";
  let selected: MatrixId = mostChanged(report);

  const map = h("div", { class: "page-chart" });
  const heading = h(level === 2 ? "h3" : "h4", { class: "page-matrix-name" });
  const note = h("p", { class: "dr-note" });
  const view = h("div", { class: "page-chart" });
  const histogram = h("div", { class: "page-chart" });
  const lorenz = h("div", { class: "page-chart" });
  const spread = h("p", { class: "dr-note" });

  const current = () => {
    const matrix = report.layers.find((l) => l.index === selected.layer)?.matrices[selected.role];
    return matrix === undefined
      ? undefined
      : {
          matrix,
          title: `Layer ${selected.layer} · ${selected.role}`,
          share: layerShare(report.recipe.pattern, report.ratios, selected.layer),
        };
  };
  const redrawMap = responsive(map, (width) => {
    const data = { layerCount: report.source.layers, layers: report.layers };
    layerMap(map, data, { width, figure, selected, onSelect: select });
  });
  const redrawMatrix = [
    responsive(view, (width) => {
      const now = current();
      if (now !== undefined) matrixView(view, now.matrix, { width, title: now.title, rotated });
    }),
    responsive(histogram, (width) => {
      const now = current();
      if (now === undefined) return;
      importanceHistogram(histogram, now.matrix.histogram, { width, title: now.title, rotated });
    }),
    responsive(lorenz, (width) => {
      const now = current();
      if (now === undefined) return;
      lorenzChart(lorenz, now.matrix.histogram, {
        width,
        title: now.title,
        rotated,
        share: now.share,
      });
    }),
  ];
  const showMatrix = (): void => {
    const now = current();
    if (now === undefined) return;
    heading.textContent = now.title;
    note.textContent = rotated
      ? rotatedAxes(selected.role, reordersNeurons(report.recipe))
      : "Not rotated: importance is the same before and after.";
    spread.textContent = `${lorenzSentence(now.matrix.histogram, now.share, rotated)} In the histogram the leftmost bar also holds all smaller weights; tails of less than half a percent are cut.`;
    for (const redraw of redrawMatrix) redraw();
  };
  function select(id: MatrixId): void {
    selected = id;
    redrawMap();
    showMatrix();
  }

  const chooser = segmented(
    "Colour the map by",
    names.map((value) => ({ value, label: FIGURES[value].label })),
    figure,
    (value) => {
      figure = value;
      redrawMap();
    },
  );
  showMatrix();
  return section(
    level,
    rotated ? "Where the importance went" : "Where the importance is",
    paragraph(
      "Every matrix of every layer. Choose one, by click or with the arrow keys and Enter, to look into it below.",
    ),
    chooser,
    map,
    h(
      "div",
      { class: "page-matrix" },
      heading,
      view,
      note,
      h("div", { class: "page-columns" }, histogram, lorenz),
      spread,
    ),
  );
}

/** The page opens on the matrix where rotation did most, so that there is something to see. */
function mostChanged(report: RunReport): MatrixId {
  let best: MatrixId = { layer: report.layers[0]?.index ?? 0, role: "q" };
  let gain = Number.NEGATIVE_INFINITY;
  for (const layer of report.layers) {
    for (const role of ROLES) {
      const { before, after } = layer.matrices[role].prunedMass;
      if (before - after > gain) {
        gain = before - after;
        best = { layer: layer.index, role };
      }
    }
  }
  return best;
}
