/** The end of a run, for people and for programs. */
import { formatBytes } from "../../checkpoint/index.ts";
import { STAGES } from "../../pipeline/index.ts";
import type { PruneResult } from "../../pipeline/index.ts";
import type { PerplexityRow, RunReport } from "../../report.ts";
import { comparedTasks } from "../tasksView.ts";
import { facts } from "../terminal/facts.ts";
import type { Fact } from "../terminal/facts.ts";
import { duration, integer, magnitude, percent, significant } from "../terminal/numbers.ts";
import type { Style } from "../terminal/style.ts";
import { table } from "../terminal/table.ts";
import { printable } from "../terminal/text.ts";
import { fallbackLine } from "./runView.ts";
import { STAGE_NAMES } from "./words.ts";

export function summary(
  result: PruneResult,
  reports: readonly string[],
  columns: number,
  style: Style,
): string[] {
  const { report, seconds } = result;
  const { total, selfTest } = report;
  const spent = STAGES.flatMap((stage) => {
    const took = seconds[stage];
    return took === undefined ? [] : [[STAGE_NAMES[stage], took] as const];
  });
  const rows: Fact[] = [
    [
      "zeros",
      `${percent(total.sparsity)} of ${magnitude(total.prunable)} weights (${integer(total.zeros)})`,
    ],
    [
      "size",
      `${formatBytes(total.bytes)} on disk, zeros written out; a packed form would take ${formatBytes(total.packedBytes)}`,
    ],
    [
      "self-test",
      `logits differ by at most ${selfTest.maxAbsDifference.toExponential(1)} after the rotation ` +
        `(allowed ${selfTest.tolerance.toExponential(1)})`,
    ],
    [
      "time",
      `${duration(spent.reduce((sum, [, took]) => sum + took, 0))}: ` +
        spent.map(([name, took]) => `${name} ${duration(took)}`).join(", "),
    ],
    ["output", printable(result.output)],
    ...reports.map((file) => ["report", printable(file)] as const),
  ];
  if (total.boundaryParameters > 0) {
    rows.splice(2, 0, [
      "boundaries",
      `${magnitude(total.boundaryParameters)} extra parameters between layers (--rotation global has none)`,
    ]);
  }
  return [
    "",
    ...perplexityTable(report.perplexity, style),
    ...(report.tasks ? comparedTasks(report.tasks, style) : []),
    ...facts(rows, columns, style),
    ...(report.fallbacks.length === 0
      ? []
      : ["", ...report.fallbacks.map((fallback) => fallbackLine(fallback, style))]),
    "",
  ];
}

function perplexityTable(rows: readonly PerplexityRow[], style: Style): string[] {
  const [first] = rows;
  if (first === undefined) return [];
  const dense = rows.find((row) => row.label === "dense")?.perplexity;
  return [
    ...table(
      [{ title: "  perplexity" }, { title: "", align: "right" }, { title: "", align: "right" }],
      rows.map((row) => [
        `  ${row.label}`,
        style.bold(significant(row.perplexity)),
        dense === undefined || row.label === "dense"
          ? ""
          : style.dim(`× ${(row.perplexity / dense).toFixed(2)}`),
      ]),
      style.dim,
    ),
    style.dim(
      `  ${integer(first.tokens)} tokens in ${integer(first.windows)} windows of ${integer(first.seqLen)}, ` +
        `text ${first.textSha256.slice(0, 12)}`,
    ),
    "",
  ];
}

/** The `--json` object of `prune`: the report's figures without its pictures, which are in the report file. */
export const summaryJson = (result: PruneResult, reports: readonly string[]) => ({
  output: result.output,
  reports,
  device: result.report.device,
  recipe: result.report.recipe,
  total: result.report.total,
  layers: result.report.layers.map((layer) => layerJson(layer)),
  perplexity: result.report.perplexity,
  tasks: result.report.tasks,
  selfTest: result.report.selfTest,
  fallbacks: result.report.fallbacks,
  seconds: result.seconds,
});

const layerJson = (layer: RunReport["layers"][number]) => ({
  index: layer.index,
  entropy: layer.entropy,
  prunedMass: layer.prunedMass,
  matrices: Object.fromEntries(
    Object.entries(layer.matrices).map(
      ([role, { shape, zeros, sparsity, entropy, prunedMass }]) => [
        role,
        { shape, zeros, sparsity, entropy, prunedMass },
      ],
    ),
  ),
});
