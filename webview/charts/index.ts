/**
 * The charts, used by the HTML report and the editor's webviews alike: each a function of a container, data and
 * options that replaces the container's content. Colours of everything but data come from `charts.css`.
 */
export { curvesChart, type CurvesOptions } from "./curves.ts";
export { learnedCurves, type CurveLayer } from "./learnedCurves.ts";
export { depthChart, type DepthOptions, type DepthPoint } from "./depth.ts";
export {
  colourOf,
  inkOn,
  mask as maskRamp,
  rampTable,
  type ColourScale,
  type Ramp,
} from "./colour.ts";
export { emptyState, h, responsive, type Child } from "./element.ts";
export { FIGURES, ROTATED_FIGURES, UNROTATED_FIGURES, type FigureName } from "./figures.ts";
export * as format from "./format.ts";
export { importanceHistogram, type HistogramData, type HistogramOptions } from "./histogram.ts";
export {
  layerMap,
  type LayerMapData,
  type LayerMapOptions,
  type MappedLayer,
  type MappedMatrix,
  type MatrixId,
} from "./layerMap.ts";
export { rampLegend, swatchLegend, type Swatch } from "./legend.ts";
export { RAMP_NAMES, RAMPS, type RampName } from "./ramps.ts";
export { cellRange, commonDomain, decodeOverview, type Grid } from "./overview.ts";
export { bars, bulk } from "./histogram.ts";
export { lorenzChart, lorenzSentence, type LorenzOptions } from "./lorenzChart.ts";
export { matrixView, type MatrixViewOptions } from "./matrixView.ts";
export {
  perplexityChart,
  recovered,
  type PerplexityData,
  type PerplexityPair,
} from "./perplexity.ts";
export {
  sparsityChart,
  sparsitySentence,
  type SparsityOptions,
  type SparsityPoint,
} from "./sparsity.ts";
export { dataTable, toCsv, type Column, type TableOptions } from "./table.ts";
export { matrixFigures } from "./matrixSummary.ts";
export { valueHistogram, type ValueBins } from "./valueHistogram.ts";
