/** How far a run says it is: by pieces that all are announced before, and that the plan adds up. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { planPrune, type PruneOptions, type RunEvent } from "../../daemon/pipeline/index.ts";
import { forward, layerElements } from "../../daemon/pipeline/estimate.ts";
import { Progress } from "../../daemon/pipeline/progress.ts";
import { INPUT_KINDS } from "../../daemon/vocabulary.ts";
import { terminalWords } from "../../daemon/wording.ts";
import { TINY_SHAPE } from "../support/tinyModel.ts";
import { never, useRuns } from "./useRuns.ts";

const runs = useRuns();

/** Two questions of two answers each, for runs on the tiny model. */
async function tasks(): Promise<{ tasks: readonly ["piqa"]; taskData: string }> {
  const taskData = join(runs.folder, "data");
  await mkdir(taskData, { recursive: true });
  const rows = [
    { goal: "melt ice.", sol1: "warm it", sol2: "cool it down", label: 0 },
    { goal: "dry a mat.", sol1: "wet it.", sol2: "hang it", label: 1 },
  ];
  const text = rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  await writeFile(join(taskData, "piqa.valid.jsonl"), text);
  return { tasks: ["piqa"], taskData };
}

const text = () => ({ files: [join(runs.folder, "text.txt")], maxWindows: 2, seqLen: 24 });

async function fractionsOf(options: PruneOptions): Promise<number[]> {
  const fractions: number[] = [];
  await runs.run(options, (event: RunEvent) => {
    if (event.type === "progress") fractions.push(event.fraction);
  });
  return fractions;
}

describe("a run that measures is done when it has measured, not before", () => {
  test.each<[string, Partial<PruneOptions>]>([
    ["a rotation a layer", {}],
    ["one for two layers", { rotation: { kind: "every", layers: 2 } }],
    ["none, and so no model to compare with", { rotation: { kind: "none" } }],
    ["no calibration", { method: "magnitude" }],
  ])("%s", async (_, more) => {
    const options = await runs.options({ layers: 3 }, more);
    const fractions = await fractionsOf({ ...options, evaluation: text(), tasks: await tasks() });
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(fractions.at(-1)).toBe(1);
    expect(fractions.filter((fraction) => fraction === 1)).toHaveLength(1);
  });
});

test("parts of a stage count one by one, those of an earlier run as done", () => {
  const fractions: number[] = [];
  const part = (name: string, seconds: number) => ({
    ...{ stage: "evaluate" as const, layer: null, part: name },
    seconds,
  });
  const progress = new Progress(1, [part("a", 5), part("b", 2), part("c", 1)], (event) => {
    if (event.type === "progress") fractions.push(event.fraction);
  });
  progress.skipPart("evaluate", "a");
  progress.start("evaluate", null, "b");
  progress.at(0.5);
  progress.start("evaluate", null, "c");
  expect(fractions).toEqual([5 / 8, 6 / 8, 7 / 8]);
  expect(Object.keys(progress.finish())).toEqual(["evaluate"]);
});

test("a plan counts the tasks, for each model, and the model that is made to compare with", async () => {
  const layers = 2;
  const options = await runs.options({ layers });
  const flops = async (more: Partial<PruneOptions>) =>
    (await planPrune({ ...options, ...more }, never, terminalWords)).flops;
  const without = await flops({});
  const measured = await flops({ tasks: { ...(await tasks()), baseline: false } });
  // What the model reads of the answers alone.
  const least = 2 * 29 * 2 * layers * layerElements(TINY_SHAPE);
  expect(measured - without).toBeGreaterThan(least);
  const compared = await flops({ tasks: await tasks() });
  const plain = await flops({ rotation: { kind: "none" } });
  expect(compared - without).toBeCloseTo(1.5 * (measured - without) + plain, -1);
});

test("a pass to the end is all products of a layer and causal attention; one to an input is a part of it", () => {
  const tokens = { tokens: 96, seqLen: 24 };
  const { heads, headDim } = TINY_SHAPE;
  const flops = [...INPUT_KINDS, "end" as const].map((to) => forward(TINY_SHAPE, tokens, to).flops);
  expect(flops).toEqual(flops.toSorted((a, b) => a - b));
  expect(flops[0]).toBe(0);
  // Half of the T² scores, each multiplied twice.
  const attention = 2 * (2 * headDim * heads * (24 / 2) * 96);
  expect(flops.at(-1)).toBe(2 * 96 * layerElements(TINY_SHAPE) + attention);
});
