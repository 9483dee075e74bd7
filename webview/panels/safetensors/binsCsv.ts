/** A tensor's histogram as CSV. */
import { toCsv } from "../../charts/index.ts";
import type { StatisticsView } from "../../messages.ts";

export function binsCsv({ histogram }: StatisticsView): string {
  if (histogram === null) return "from,to,values\r\n";
  const { min, max, counts } = histogram;
  const width = (max - min) / counts.length;
  return toCsv(
    [
      { label: "from", value: (bin: { from: number }) => bin.from },
      { label: "to", value: (bin) => bin.from + width },
      { label: "values", value: (bin: { from: number; n: number }) => bin.n },
    ],
    counts.map((n, i) => ({ from: min + i * width, n })),
  );
}
