/** All tensors of a checkpoint, for people (the same tensor of all layers in a row) and for programs (each). */
import { formatBytes } from "../../checkpoint/index.ts";
import type { Checkpoint, TensorEntry, TensorStatistics } from "../../checkpoint/index.ts";
import { patternName } from "../../vocabulary.ts";
import { groupByLayer } from "../groups.ts";
import { integer, magnitude, percent } from "../terminal/numbers.ts";
import type { Style } from "../terminal/style.ts";
import { table } from "../terminal/table.ts";
import { printable } from "../terminal/text.ts";
import type { Scan } from "./scan.ts";

export function overviewLines(
  checkpoint: Checkpoint,
  found: Scan | null,
  all: boolean,
  style: Style,
): string[] {
  const entries = [...checkpoint.tensors.values()];
  const groups = all
    ? entries.map((entry) => ({ label: printable(entry.name), members: [entry], first: entry }))
    : groupByLayer(entries, (entry) => JSON.stringify([entry.dtype, entry.shape]));
  const unit = (members: readonly TensorEntry[]) =>
    members.flatMap((member) => found?.get(member.name) ?? []);
  return [
    "",
    ...headLines(checkpoint, entries, style),
    "",
    ...table(
      [
        { title: "  tensor" },
        { title: all ? "" : "count", align: "right" },
        { title: "dtype" },
        { title: "shape", align: "right" },
        { title: "bytes", align: "right" },
        { title: found ? "zeros" : "", align: "right" },
        { title: found ? "pattern" : "" },
      ],
      groups.map(({ label, members, first }) => [
        `  ${label}`,
        all ? "" : String(members.length),
        first.dtype,
        shapeText(first.shape),
        formatBytes(members.reduce((sum, member) => sum + member.bytes, 0)),
        ...zeroCells(unit(members), style),
      ]),
      style.dim,
    ),
    "",
    ...(found
      ? []
      : [style.dim("  Zeros and patterns were not counted; --statistics reads the data."), ""]),
    ...checkpoint.notes.flatMap((note) => [`  ${style.yellow("•")} ${printable(note)}`, ""]),
  ];
}

function headLines(
  checkpoint: Checkpoint,
  entries: readonly TensorEntry[],
  style: Style,
): string[] {
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  const elements = entries.reduce((sum, entry) => sum + entry.elements, 0);
  const files = checkpoint.files.length;
  const metadata = Object.entries(checkpoint.metadata);
  return [
    `  ${style.bold(printable(checkpoint.root))}`,
    `  ${integer(entries.length)} tensors, ${magnitude(elements)} values, ${formatBytes(bytes)} in ` +
      (files === 1 ? "1 file" : `${files} files`),
    ...(metadata.length === 0
      ? []
      : [
          style.dim(
            `  ${metadata.map(([key, value]) => printable(`${key}: ${value}`)).join(", ")}`,
          ),
        ]),
  ];
}

export const shapeText = (shape: readonly number[]): string =>
  shape.length === 0 ? "scalar" : shape.join(" × ");

/** Zeros over all members, and the pattern they have in common. */
function zeroCells(statistics: readonly TensorStatistics[], style: Style): [string, string] {
  if (statistics.length === 0) return ["", ""];
  const zeros = statistics.reduce((sum, one) => sum + one.zeros, 0);
  const count = statistics.reduce((sum, one) => sum + one.count, 0);
  const bad = statistics.reduce((sum, one) => sum + one.nan + one.inf, 0);
  const patterns = new Set(statistics.map(({ pattern }) => pattern && patternName(pattern)));
  const [pattern] = patterns;
  const share = zeros === 0 ? style.dim("0") : percent(zeros / count);
  const common = patterns.size > 1 ? "mixed" : (pattern ?? "");
  return [
    share,
    bad === 0 ? common : `${common} ${style.red(`${integer(bad)} NaN or Inf`)}`.trim(),
  ];
}

/** The `--json` object; `zeros` and `pattern` are null where they were not counted or the type has none. */
export const overviewJson = (checkpoint: Checkpoint, found: Scan | null) => ({
  root: checkpoint.root,
  files: checkpoint.files.map(({ path, bytes }) => ({ path, bytes })),
  metadata: checkpoint.metadata,
  notes: checkpoint.notes,
  tensors: [...checkpoint.tensors.values()].map((entry) => {
    const statistics = found?.get(entry.name);
    return {
      ...entryJson(entry),
      zeros: statistics?.zerosFraction ?? null,
      pattern: statistics?.pattern ? patternName(statistics.pattern) : null,
    };
  }),
});

export const entryJson = ({ name, dtype, shape, bytes }: TensorEntry) => ({
  name,
  dtype,
  shape,
  bytes,
});
