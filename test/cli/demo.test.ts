import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Forecast } from "../../daemon/cli/demo/forecast.ts";
import { runCli } from "../../daemon/cli/index.ts";
import type { EvaluateResult } from "../../daemon/pipeline/index.ts";
import type { ComparisonReport } from "../../daemon/report.ts";
import { EVALUATED, fakeEngine, fakeIo, RESULT } from "./harness.ts";

describe("forecast", () => {
  test("goes by what runs of the same kind took", () => {
    const forecast = new Forecast(["plain", "rotated", "plain", "rotated"]);
    forecast.finished(1);
    forecast.finished(9);
    expect(forecast.outlook(0, 10)).toEqual({ fraction: 0.5, secondsLeft: 10 });
    expect(forecast.outlook(0.5, 10.5).secondsLeft).toBe(9.5);
    forecast.finished(1);
    forecast.finished(9);
    expect(forecast.outlook(0, 20)).toEqual({ fraction: 1, secondsLeft: 0 });
  });

  test("never goes back, whatever the runs take", () => {
    const forecast = new Forecast(["plain", "plain", "plain"]);
    const before = forecast.outlook(0.9, 10).fraction;
    forecast.finished(100);
    expect(forecast.outlook(0, 100.1).fraction).toBeGreaterThanOrEqual(before);
  });
});

const sample = existsSync(new URL("../../media/sample/model.safetensors", import.meta.url));

test.skipIf(!sample)("the demonstration runs every method twice and compares", async () => {
  const out = await mkdtemp(join(tmpdir(), "denoise-demo-"));
  // What an earlier demonstration left goes; what is not a run's output stays.
  await mkdir(join(out, "wanda-2-4"));
  await writeFile(join(out, "wanda-2-4", "denoise-report.json"), "{}");
  await mkdir(join(out, "sparsegpt-2-4"));
  await writeFile(join(out, "sparsegpt-2-4", "notes.txt"), "mine");
  const pruned: string[] = [];
  let report: ComparisonReport | undefined;
  const engine = fakeEngine({
    evaluate: ({ checkpoint }) =>
      Promise.resolve<EvaluateResult>({
        ...EVALUATED,
        perplexity: checkpoint.startsWith(out) ? (checkpoint.endsWith("rotated") ? 6 : 30) : 4,
      }),
    prune: (options) => {
      pruned.push(options.out);
      return Promise.resolve({ ...RESULT, output: options.out });
    },
    renderComparison: (comparison) => {
      report = comparison;
      return Promise.resolve("<!doctype html>");
    },
  });
  const io = fakeIo();
  try {
    expect(await runCli(["demo", "--out", out], io, engine)).toBe(0);
    expect(new Set(pruned).size).toBe(12);
    expect(existsSync(join(out, "wanda-2-4", "denoise-report.json"))).toBe(false);
    expect(existsSync(join(out, "sparsegpt-2-4", "notes.txt"))).toBe(true);
    expect(await readFile(join(out, "comparison.html"), "utf8")).toBe("<!doctype html>");
  } finally {
    await rm(out, { recursive: true });
  }
  expect(report?.dense.perplexity).toBe(4);
  expect(report?.rows.map(({ pruned, rotated }) => [pruned, rotated])).toEqual(
    Array.from({ length: 6 }, () => [30, 6]),
  );
  expect(
    report?.rows[0]?.report.perplexity.map(({ label, perplexity }) => [label, perplexity]),
  ).toEqual([
    ["dense", 4],
    ["pruned", 30],
    ["rotated + pruned", 6],
  ]);
  expect(
    io.out().match(/^ {2}(Magnitude|Wanda|SparseGPT) +(50%|2:4) +4\.107|4\.000 +30\.00 +6\.000/gm),
  ).toHaveLength(6);
});
