/** `npm start`: the bundled sample, pruned with every method at two patterns, without and with rotation. */
import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { basename, dirname, join } from "node:path";
import type { EvaluateResult, PruneResult } from "../../pipeline/index.ts";
import type { ComparisonReport, ComparisonRow, PerplexityRow } from "../../report.ts";
import { interruptible } from "../cancel.ts";
import { screenFor, simple } from "../context.ts";
import type { Context } from "../context.ts";
import { facts } from "../terminal/facts.ts";
import { duration, integer } from "../terminal/numbers.ts";
import { printable } from "../terminal/text.ts";
import { demoRuns, evaluateOptions, pruneOptions } from "./runs.ts";
import type { DemoRun } from "./runs.ts";
import { findSample } from "./sample.ts";
import { comparisonTable } from "./table.ts";
import { DemoView } from "./view.ts";

export async function demoCommand(context: Context, out: string): Promise<void> {
  const { io, engine } = context;
  const sample = findSample();
  const runs = demoRuns(out);
  const screen = screenFor(context, false);
  const started = io.now();
  screen.print("", `  ${screen.style.bold("DenoiseRotator on its bundled sample")}`, "");
  const view = new DemoView(screen, runs, () => io.now());
  try {
    const report = await interruptible(io, simple(screen), compare);
    const page = join(out, "comparison.html");
    await mkdir(out, { recursive: true });
    await writeFile(page, await engine.renderComparison(report));
    view.close();
    const { dense } = report;
    screen.print(
      "",
      ...comparisonTable(report, screen.style),
      "",
      ...facts(
        [
          [
            "perplexity",
            `on ${integer(dense.tokens)} tokens in ${dense.windows} windows of ${dense.seqLen}; lower is better`,
          ],
          ["time", `${duration((io.now() - started) / 1000)} on ${printable(report.machine)}`],
          ["report", printable(page)],
          ["checkpoints", printable(join(out, "*"))],
        ],
        screen.columns,
        screen.style,
      ),
      "",
    );
  } finally {
    view.close();
  }

  async function compare(signal: AbortSignal): Promise<ComparisonReport> {
    const dense = await engine.evaluate(
      evaluateOptions(sample, sample.checkpoint),
      view.evaluating("dense"),
      signal,
    );
    view.dense(dense.perplexity);
    const finished: Finished[] = [];
    for (const run of runs) {
      await removeEarlier(run.out);
      const pruned = await engine.prune(pruneOptions(sample, run), view.pruning(run), signal);
      const result = await engine.evaluate(
        evaluateOptions(sample, pruned.output),
        view.evaluating(basename(run.out)),
        signal,
      );
      view.finished(run, result.perplexity);
      finished.push({ run, pruned, result });
    }
    return {
      title: "Bundled sample",
      dense: perplexityRow("dense", dense),
      rows: comparisonRows(dense, finished),
      machine: `${dense.device}, ${cpus().length} × ${cpus()[0]?.model ?? "unknown processor"}`,
    };
  }
}

interface Finished {
  readonly run: DemoRun;
  readonly pruned: PruneResult;
  readonly result: EvaluateResult;
}

/** Pairs each plain run with the rotated one that follows it. */
function comparisonRows(dense: EvaluateResult, finished: readonly Finished[]): ComparisonRow[] {
  return finished.flatMap((rotated, i): ComparisonRow[] => {
    const plain = finished[i - 1];
    if (!rotated.run.rotated || plain === undefined) return [];
    const perplexity = [
      perplexityRow("dense", dense),
      perplexityRow("pruned", plain.result),
      perplexityRow("rotated + pruned", rotated.result),
    ];
    return [
      {
        method: rotated.run.method,
        pattern: rotated.run.pattern,
        pruned: plain.result.perplexity,
        rotated: rotated.result.perplexity,
        secondsPruned: total(plain.pruned),
        secondsRotated: total(rotated.pruned),
        report: { ...rotated.pruned.report, perplexity },
        output: rotated.pruned.output,
      },
    ];
  });
}

const perplexityRow = (label: PerplexityRow["label"], result: EvaluateResult): PerplexityRow => ({
  label,
  perplexity: result.perplexity,
  tokens: result.tokens,
  windows: result.windows,
  seqLen: result.seqLen,
  textSha256: result.textSha256,
});

const total = ({ seconds }: PruneResult): number =>
  Object.values(seconds).reduce((sum, stage) => sum + stage, 0);

/** What an earlier demonstration left under this name, finished or not; nothing that is not a run's output. */
async function removeEarlier(out: string): Promise<void> {
  if (existsSync(join(out, "denoise-report.json"))) await rm(out, { recursive: true });
  await rm(join(dirname(out), ".denoise-rotator", basename(out)), { recursive: true, force: true });
}
