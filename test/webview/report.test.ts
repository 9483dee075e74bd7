/** The report's door and its words: what is refused, and that the sentences follow the figures. */
import { describe, expect, test } from "vitest";
import type { RunReport } from "../../daemon/report.ts";
import { parsePayload } from "../../webview/report/schema.ts";
import { consequences, selfTestWords } from "../../webview/report/words.ts";
import { sparsitySentence } from "../../webview/charts/sparsity.ts";
import { layerShare, perplexityMeaning, verdict } from "../../webview/words.ts";
import { comparisonReport, perplexities, runReport } from "./fixture.ts";

const run = runReport({ layers: 1 });

function parsed(report: unknown, kind = "run"): () => unknown {
  return () => parsePayload(JSON.stringify({ kind, report }));
}

describe("validation", () => {
  test("a report passes unchanged", () => {
    expect(parsePayload(JSON.stringify({ kind: "run", report: run }))).toEqual({
      kind: "run",
      report: run,
    });
  });

  test("a comparison passes unchanged", () => {
    const report = comparisonReport(1);
    expect(parsePayload(JSON.stringify({ kind: "comparison", report })).report).toEqual(report);
  });

  test("an infinite perplexity, null in JSON, is infinite again", () => {
    const payload = parsePayload(
      JSON.stringify({
        kind: "run",
        report: { ...run, perplexity: perplexities(4, Infinity, 5) },
      }),
    );
    expect(payload.kind === "run" && payload.report.perplexity[1]?.perplexity).toBe(Infinity);
  });

  test.each<[string, unknown, RegExp]>([
    ["another schema", { ...run, schema: "denoise-rotator/report@9" }, /schema/],
    ["a missing part", { ...run, total: undefined }, /total/],
    ["a method it does not know", { ...run, recipe: { ...run.recipe, method: "obs" } }, /method/],
    ["a layer without down", withoutDown(run), /layers\.0\.matrices/],
    ["an overview of the wrong size", shortOverview(run), /overview.*rows × cols/],
    ["a histogram with unequal sides", unequalHistogram(run), /histogram/],
  ])("%s is refused, and the message says where", (_, report, message) => {
    expect(parsed(report)).toThrow(message);
  });

  test("an unknown kind and a text that is not JSON are refused", () => {
    expect(parsed(run, "poster")).toThrow();
    expect(() => parsePayload("{")).toThrow(SyntaxError);
  });
});

describe("words", () => {
  test("a perplexity comes with all that makes it comparable", () => {
    const [dense] = perplexities(4, 9, 5);
    if (dense === undefined) throw new Error("no row");
    const words = perplexityMeaning(dense);
    for (const part of ["256 tokens", "200 windows", "51,000 scored tokens", "c4a1e7b2903d"]) {
      expect(words).toContain(part);
    }
  });

  test("the verdict says so when rotation hurts", () => {
    expect(verdict(4, 16, 8)).toContain("50\u202f%");
    expect(verdict(4, 16, 20)).toContain("worse");
    expect(verdict(4, 4, 4)).toBe("");
  });

  test("2:4 names its runtimes, another pattern promises no speed", () => {
    const speed = (report: RunReport): string =>
      consequences(report).find((f) => f.term === "Speed")?.words ?? "";
    expect(speed(run)).toMatch(/TensorRT-LLM.*PyTorch.*vLLM has dropped/s);
    const half = runReport({ layers: 1, pattern: { kind: "unstructured", share: 0.5 } });
    expect(speed(half)).toContain("No mainstream GPU runtime");
  });

  test("boundary matrices are owned up to, a global rotation has none", () => {
    const loading = (report: RunReport): string =>
      consequences(report).find((f) => f.term === "Loading")?.words ?? "";
    expect(loading(runReport({ layers: 2 }))).toContain("16,384 parameters");
    expect(loading(runReport({ layers: 2, rotation: { kind: "global" } }))).toContain(
      "Loads wherever the original does",
    );
  });

  test("the self-test passes up to its tolerance", () => {
    const report = (maxAbsDifference: number): RunReport => ({
      ...run,
      selfTest: { ...run.selfTest, maxAbsDifference, maxAbsLogit: 20, tolerance: 0.002 },
    });
    expect(selfTestWords(report(0.002)).passed).toBe(true);
    expect(selfTestWords(report(0.0021)).passed).toBe(false);
  });
});

describe("a profile", () => {
  const half = { kind: "unstructured", share: 0.5 } as const;
  const points = (ratios: readonly number[] | null, achieved: readonly number[]) =>
    achieved.map((sparsity, layer) => ({
      layer,
      role: "q" as const,
      sparsity,
      target: layerShare(half, ratios, layer),
    }));

  test("every layer is held against the share asked of it, not against the mean", () => {
    expect(sparsitySentence(points([0.4, 0.6], [0.4, 0.6]))).toMatch(/^All 2 .* their layer\.$/);
    expect(sparsitySentence(points([0.4, 0.6], [0.5, 0.5]))).toMatch(/^2 of 2 .* their layer\.$/);
  });

  test("without one the share is named", () => {
    expect(sparsitySentence(points(null, [0.5, 0.5]))).toContain("at 50.00");
    expect(sparsitySentence(points(null, [0.5, 0.4]))).toMatch(/^1 of 2 .* 50\.00/);
  });
});

function withFirstLayer(
  report: RunReport,
  change: (layer: RunReport["layers"][number]) => unknown,
) {
  return { ...report, layers: report.layers.map((l, i) => (i === 0 ? change(l) : l)) };
}

function withoutDown(report: RunReport) {
  return withFirstLayer(report, (layer) => ({
    ...layer,
    matrices: { ...layer.matrices, down: undefined },
  }));
}

function shortOverview(report: RunReport) {
  return withFirstLayer(report, (layer) => {
    const { q } = layer.matrices;
    const mask = { ...q.overview.mask, rows: q.overview.mask.rows + 1 };
    return {
      ...layer,
      matrices: { ...layer.matrices, q: { ...q, overview: { ...q.overview, mask } } },
    };
  });
}

function unequalHistogram(report: RunReport) {
  return withFirstLayer(report, (layer) => {
    const { q } = layer.matrices;
    const before = { ...q.histogram.before, kept: [1, 2] };
    return {
      ...layer,
      matrices: { ...layer.matrices, q: { ...q, histogram: { ...q.histogram, before } } },
    };
  });
}
