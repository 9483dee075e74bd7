/** The sentences and legends around the plots of a matrix. */
import { ticks } from "d3";
import type { MatrixReport } from "../../daemon/report.ts";
import {
  type ColourScale,
  format,
  h,
  maskRamp,
  matrixFigures,
  rampLegend,
  swatchLegend,
} from "../charts/index.ts";
import type { MatrixId, RunView } from "../messages.ts";
import { isRotated, reordersNeurons, rotatedAxes } from "../words.ts";

export function summary(matrix: MatrixReport): Node[] {
  return matrixFigures(matrix).map((part) => h("span", {}, part));
}

/** How fine the picture is. */
export function resolution({ shape, overview }: MatrixReport, exact: boolean): string {
  const [rows, cols] = shape;
  const cell = [Math.ceil(rows / overview.after.rows), Math.ceil(cols / overview.after.cols)];
  if (exact || (cell[0] === 1 && cell[1] === 1)) return "one cell a weight";
  return `importance: one cell for ${cell.join(" × ")} weights; zoom in to see single weights`;
}

/** @param exact cells are single weights */
export function legends(scale: ColourScale, exact: boolean): HTMLElement[] {
  const decades = ticks(...scale.domain, 4).filter(Number.isInteger);
  const importance =
    decades.length < 2
      ? rampLegend(scale, "importance, log scale", format.fromLog10, scale.domain)
      : rampLegend(scale, "importance, log scale", format.powerOfTen, decades);
  const mask = exact
    ? swatchLegend([
        { label: "kept", className: "dr-mask-kept", shape: "box" },
        { label: "pruned", className: "dr-mask-pruned", shape: "box" },
      ])
    : rampLegend({ domain: [0, 1], ramp: maskRamp }, "share of a cell's weights pruned", (v) =>
        format.percent(v, 0),
      );
  return [importance, mask];
}

/** What before and after mean for this matrix; or why single weights have no importance to show. */
export function exactNote(
  error: Error | undefined,
  { recipe }: Pick<RunView, "recipe">,
  { role }: MatrixId,
): string {
  const rotated = recipe === null || isRotated(recipe);
  const meaning = rotated
    ? rotatedAxes(role, recipe !== null && reordersNeurons(recipe))
    : "Not rotated: importance is the same before and after.";
  return error === undefined
    ? meaning
    : `${meaning} Importance of single weights is not to be had here, so cells of the overview stay: ${error.message}`;
}
