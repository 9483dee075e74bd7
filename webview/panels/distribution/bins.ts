/** The bins of both histograms as lines of a CSV file. */
import type { Histogram, MatrixReport } from "../../../daemon/report.ts";
import type { Column } from "../../charts/index.ts";

export interface BinRow {
  readonly side: "before" | "after";
  /** log10 of the importance at the edges. */
  readonly from: number;
  readonly to: number;
  readonly kept: number;
  readonly pruned: number;
}

export function binRows(histogram: MatrixReport["histogram"]): BinRow[] {
  const rows = (side: BinRow["side"], { min, max, kept, pruned }: Histogram): BinRow[] => {
    const width = (max - min) / kept.length;
    return kept.map((n, i) => ({
      side,
      from: min + i * width,
      to: min + (i + 1) * width,
      kept: n,
      pruned: pruned[i] ?? 0,
    }));
  };
  return [...rows("before", histogram.before), ...rows("after", histogram.after)];
}

export const BIN_COLUMNS: readonly Column<BinRow>[] = [
  { label: "rotation", value: (b) => b.side },
  { label: "log10 importance from", value: (b) => b.from },
  { label: "log10 importance to", value: (b) => b.to },
  { label: "weights kept", value: (b) => b.kept },
  { label: "weights pruned", value: (b) => b.pruned },
];
