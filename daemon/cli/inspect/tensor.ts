/** One tensor: its figures and how its values are spread. */
import { dtypeInfo, formatBytes, isFloatDType, tensorStatistics } from "../../checkpoint/index.ts";
import type { Checkpoint, TensorEntry, TensorStatistics } from "../../checkpoint/index.ts";
import { patternName } from "../../vocabulary.ts";
import { facts } from "../terminal/facts.ts";
import type { Fact } from "../terminal/facts.ts";
import { integer, percent } from "../terminal/numbers.ts";
import type { Style } from "../terminal/style.ts";
import { table } from "../terminal/table.ts";
import { printable } from "../terminal/text.ts";
import { filled } from "../terminal/bar.ts";
import { histogram } from "./histogram.ts";
import type { Histogram } from "./histogram.ts";
import { entryJson, shapeText } from "./overview.ts";

export interface Examined {
  /** Null for packed and complex types, which are only carried along. */
  readonly statistics: TensorStatistics | null;
  /** Null where there is no float value to count. */
  readonly histogram: Histogram | null;
}

export async function examine(
  checkpoint: Checkpoint,
  entry: TensorEntry,
  signal: AbortSignal,
): Promise<Examined> {
  if (dtypeInfo(entry.dtype).kind === "opaque") return { statistics: null, histogram: null };
  const statistics = await tensorStatistics(checkpoint, entry.name, { signal });
  const spread = isFloatDType(entry.dtype)
    ? await histogram(checkpoint, entry, statistics, signal)
    : null;
  return { statistics, histogram: spread };
}

const MIN_BAR = 10;
const MAX_BAR = 50;

export function tensorLines(
  entry: TensorEntry,
  { statistics, histogram }: Examined,
  style: Style,
  columns: number,
): string[] {
  const rows: Fact[] = [
    ["dtype", `${entry.dtype} (${dtypeInfo(entry.dtype).bits} bits)`],
    ["shape", shapeText(entry.shape)],
    ["values", integer(entry.elements)],
    [
      "bytes",
      `${formatBytes(entry.bytes)} at ${integer(entry.offset)} of ${printable(entry.file)}`,
    ],
  ];
  if (statistics === null) {
    rows.push(["", "Values of this type are carried along, not read: no statistics."]);
  } else {
    rows.push(
      ["zeros", `${integer(statistics.zeros)} (${percent(statistics.zerosFraction)})`],
      ["pattern", statistics.pattern ? patternName(statistics.pattern) : "none"],
      ["range", `${figure(statistics.min)} to ${figure(statistics.max)}`],
      ["mean ± std", `${figure(statistics.mean)} ± ${figure(statistics.std)}`],
    );
    const { nan, inf } = statistics;
    if (nan + inf > 0)
      rows.push(["not finite", style.red(`${integer(nan)} NaN, ${integer(inf)} Inf`)]);
  }
  return [
    "",
    `  ${style.bold(printable(entry.name))}`,
    "",
    ...facts(rows, columns, style),
    "",
    ...(histogram ? [...histogramLines(histogram, style, columns), ""] : []),
  ];
}

function histogramLines({ edges, counts }: Histogram, style: Style, columns: number): string[] {
  const most = Math.max(...counts);
  const room = Math.max(MIN_BAR, Math.min(MAX_BAR, columns - 44));
  return table(
    [
      { title: "  from", align: "right" },
      { title: "to", align: "right" },
      { title: "values", align: "right" },
      { title: "" },
    ],
    counts.map((count, i) => [
      `  ${figure(edges[i] ?? 0)}`,
      figure(edges[i + 1] ?? 0),
      integer(count),
      style.cyan(filled(count / most, room)),
    ]),
    style.dim,
  );
}

const figure = (value: number | null): string =>
  value === null ? "–" : value === 0 ? "0" : value.toPrecision(4);

/** The `--json` object of `inspect --tensor`. */
export const tensorJson = (entry: TensorEntry, { statistics, histogram }: Examined) => ({
  ...entryJson(entry),
  file: entry.file,
  offset: entry.offset,
  statistics: statistics && {
    ...statistics,
    pattern: statistics.pattern && patternName(statistics.pattern),
  },
  histogram,
});
