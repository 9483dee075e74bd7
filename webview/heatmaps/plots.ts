/** The plots of a pruned matrix: importance before and after rotation on one log scale, and the mask. */
import type { MatrixReport, Overview } from "../../daemon/report.ts";
import {
  bars,
  bulk,
  type ColourScale,
  commonDomain,
  decodeOverview,
  format,
  maskRamp,
  type Ramp,
} from "../charts/index.ts";
import { inCell, type DecodedTile, type PlotSource } from "../matrix/index.ts";
import type { MatrixTileKind } from "../messages.ts";

export interface MatrixPlots {
  readonly plots: readonly PlotSource<MatrixTileKind>[];
  /** Of log10 importance. */
  readonly importance: (exact: boolean) => ColourScale;
  /** One cell of the overview is one weight. */
  readonly overviewExact: boolean;
}

const MASK_SCALE: ColourScale = { domain: [0, 1], ramp: maskRamp };

/** @param rotated false: before and after are the same, and shown once */
export function matrixPlots(matrix: MatrixReport, rotated: boolean, ramp: Ramp): MatrixPlots {
  const before = overviewTile(matrix.overview.before, matrix.shape);
  const after = overviewTile(matrix.overview.after, matrix.shape);
  const coarse = commonDomain(
    [before, after].map(({ values, ...t }) => ({ rows: t.cellRows, cols: t.cellCols, values })),
  );
  const ranges = [matrix.histogram.before, matrix.histogram.after].map((x) => bulk(bars(x)));
  const fine: readonly [number, number] = [
    Math.min(...ranges.map(([low]) => low)),
    Math.max(...ranges.map(([, high]) => high)),
  ];
  const overviewExact = after.exact;
  const importance = (exact: boolean): ColourScale => ({
    domain: exact && !overviewExact && fine[1] > fine[0] ? fine : coarse,
    ramp,
  });
  const plot = (
    title: string,
    kind: "before" | "after",
    overview: DecodedTile,
    { min, max }: Overview,
  ): PlotSource<MatrixTileKind> => ({
    title,
    gist: `from ${format.fromLog10(min)} to ${format.fromLog10(max)}`,
    overview,
    kindAt: (level) => (level === 0 ? kind : undefined),
    scale: importance,
    onScale: (value, tile) => logOf(value, tile),
    short: (value) => inCell(value),
  });
  const mask: PlotSource<MatrixTileKind> = {
    title: "Mask and written weights",
    gist: `${format.percent(matrix.sparsity, 2)} of the weights pruned`,
    overview: overviewTile(matrix.overview.mask, matrix.shape),
    kindAt: (level) => (level === 0 ? "written" : "zeros"),
    scale: () => MASK_SCALE,
    onScale: (value, tile) => (tile.kind === "written" ? (value === 0 ? 1 : 0) : value),
    short: (value) => (value === 0 ? "" : inCell(value)),
  };
  const importances = rotated
    ? [
        plot("Importance before rotation", "before", before, matrix.overview.before),
        plot("Importance after rotation", "after", after, matrix.overview.after),
      ]
    : [plot("Importance", "after", after, matrix.overview.after)];
  return { plots: [...importances, mask], importance, overviewExact };
}

/** Overviews hold logarithms already. */
export const logOf = (value: number, { kind }: DecodedTile): number =>
  kind === "overview" ? value : Math.log10(value);

function overviewTile(overview: Overview, [rows, cols]: MatrixReport["shape"]): DecodedTile {
  const grid = decodeOverview(overview);
  return {
    kind: "overview",
    rows: [0, rows],
    cols: [0, cols],
    cellRows: grid.rows,
    cellCols: grid.cols,
    exact: grid.rows === rows && grid.cols === cols,
    values: grid.values,
  };
}
