/** What became of one layer, in one line that aligns with those of the other layers. */
import type { LayerReport } from "../../report.ts";
import { percent, significant } from "../terminal/numbers.ts";
import type { Style } from "../terminal/style.ts";
import { padStart } from "../terminal/text.ts";

export function layerLine(report: LayerReport, layers: number, style: Style): string {
  const matrices = Object.values(report.matrices);
  const zeros = matrices.reduce((sum, matrix) => sum + matrix.zeros, 0);
  const count = matrices.reduce((sum, { shape }) => sum + shape[0] * shape[1], 0);
  const digits = String(layers).length;
  const change = (before: string, after: string) =>
    before === after
      ? padStart(after, 8)
      : `${padStart(before, 8)} ${style.dim("→")} ${style.green(padStart(after, 8))}`;
  const { entropy, prunedMass } = report;
  return [
    `  ${style.green("✓")} layer ${padStart(String(report.index + 1), digits)}/${layers}`,
    `${style.dim("entropy")} ${change(significant(entropy.before), significant(entropy.after))}`,
    `${style.dim("pruned mass")} ${change(percent(prunedMass.before), percent(prunedMass.after))}`,
    `${style.dim("zeros")} ${padStart(percent(zeros / count), 7)}`,
  ].join("  ");
}
