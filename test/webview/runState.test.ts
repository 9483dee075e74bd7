/** A run's view under updates, and the words and offers that follow from it. */
import { describe, expect, test } from "vitest";
import { runOfReport, runUpdates } from "../../extension/panels/convert.ts";
import type { JobView, RunUpdate, RunView, StepView } from "../../webview/messages.ts";
import { startingMatrix } from "../../webview/panels/matrixPicker.ts";
import { updated, withJob } from "../../webview/panels/runState.ts";
import { curveLayers } from "../../webview/panels/run/curveLayers.ts";
import { offersFor } from "../../webview/panels/run/offers.ts";
import { progressFacts, whereabouts } from "../../webview/panels/run/words.ts";
import { runReport } from "./fixture.ts";
import { jobView as job } from "./jobView.ts";

const run = runOfReport(runReport({ layers: 3 }));
const empty: RunView = { ...run, layers: [], perplexity: [], fallbacks: [], steps: [] };
const step = (number: number, layers: readonly [number, number] = [0, 0]): RunUpdate => ({
  type: "step",
  point: { layers, step: number, steps: 40, objective: "entropy", loss: 10 - number },
});

describe("updates", () => {
  test("layers are kept in order, one of each, in whatever order they come", () => {
    const [a, b, c] = run.layers;
    if (!a || !b || !c) throw new Error("three layers");
    const told = [c, a, b, a].map((layer): RunUpdate => ({ type: "layer", layer }));
    expect(told.reduce(updated, empty).layers).toEqual([a, b, c]);
  });

  test("a perplexity replaces the one of the same name", () => {
    const [row] = run.perplexity;
    if (!row) throw new Error("no row");
    const again: RunUpdate = { type: "perplexity", row: { ...row, perplexity: 1 } };
    const after = updated(run, again);
    expect(after.perplexity).toHaveLength(run.perplexity.length);
    expect(after.perplexity.at(-1)?.perplexity).toBe(1);
  });

  test("a curve is of one rotation: the next layer's begins anew, and so does a resumed one", () => {
    const twice = [step(1), step(2), step(3), step(1, [1, 1]), step(2, [1, 1])].reduce(
      updated,
      empty,
    );
    expect(twice.steps.map((s) => s.step)).toEqual([1, 2]);
    expect([step(5), step(1)].reduce(updated, empty).steps.map((s) => s.step)).toEqual([1]);
  });

  test("a plan means that everything is asked for anew", () => {
    expect(runUpdates([{ type: "note", text: "n" }])).toHaveLength(1);
    const plan = { type: "plan", plan: {} } as unknown as Parameters<typeof runUpdates>[0][number];
    expect(runUpdates([plan])).toBeNull();
  });

  test("an older tale of the job is dropped", () => {
    const now = withJob(run, job({ revision: 9 }));
    expect(withJob(now, job({ revision: 8, state: "queued" }))).toBe(now);
    expect(withJob(now, job({ revision: 10, state: "done" })).job?.state).toBe("done");
  });
});

describe("curves", () => {
  const steps: StepView[] = [1, 2, 3].map((n) => ({
    layers: [1, 2],
    step: n,
    steps: 40,
    objective: "entropy",
    loss: 5 - n,
  }));

  test("the rotation under way stands under every layer that shares it", () => {
    const layers = run.layers.slice(0, 1);
    const curves = curveLayers({ layers, steps });
    expect(curves.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(curves[1]?.curve).toEqual(curves[2]?.curve);
    expect(curves[1]?.curve).toHaveLength(3);
  });

  test("a finished layer keeps its own curve, which is the whole of it", () => {
    expect(curveLayers({ layers: run.layers, steps })).toEqual(run.layers);
  });
});

describe("words", () => {
  test("what can be done follows the state", () => {
    const commands = (view: JobView): string[] => offersFor(view).map(({ command }) => command);
    expect(commands(job())).toEqual(["cancel", "showLog"]);
    expect(commands(job({ state: "interrupted", resumable: true }))).toContain("resume");
    expect(commands(job({ state: "done", output: "/out" }))).toEqual([
      "openReport",
      "openOutput",
      "showLog",
    ]);
  });

  test("layers are counted from one, and a stopped run says how it goes on", () => {
    const progress = {
      stage: "rotate",
      layer: 2,
      layers: 8,
      fraction: 0.3,
      elapsedSeconds: 12,
      etaSeconds: 30,
      sparsity: 0.5,
      hostBytes: 1e9,
      deviceBytes: null,
    } as const;
    expect(whereabouts(job({ progress }))).toBe("Layer 3 of 8: learning the rotation");
    expect(whereabouts(job({ state: "failed", resumable: true }))).toContain("Resume");
    const facts = progressFacts({ ...run, job: job({ progress }) }).map(({ term }) => term);
    expect(facts).toEqual(["Remaining", "Elapsed", "Zeros so far", "Memory"]);
  });

  test("a page opens on the matrix asked for, else where rotation did most", () => {
    expect(startingMatrix(run, { layer: 2, role: "k" })).toEqual({ layer: 2, role: "k" });
    const best = startingMatrix(run, { layer: 99, role: "k" });
    if (best === null) throw new Error("no matrix");
    const gain = ({ layer, role }: typeof best): number => {
      const { before, after } = run.layers[layer]?.matrices[role].prunedMass ?? {
        before: 0,
        after: 0,
      };
      return before - after;
    };
    for (const { index, matrices } of run.layers) {
      for (const role of Object.keys(matrices) as (keyof typeof matrices)[]) {
        expect(gain(best)).toBeGreaterThanOrEqual(gain({ layer: index, role }));
      }
    }
    expect(startingMatrix(empty, null)).toBeNull();
  });
});
