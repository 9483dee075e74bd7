/** A plan for a machine that is too small: whole, with what is short and by how much. The run itself is refused. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { planPrune, type PruneOptions } from "../../daemon/pipeline/index.ts";
import { editorWords, terminalWords } from "../../daemon/wording.ts";
import { writeHugeModel } from "../support/hugeModel.ts";
import { never, useRuns } from "./useRuns.ts";

const runs = useRuns();

test("all that is short stands in the plan, and the first of it is what the run is refused for", async () => {
  const checkpoint = join(runs.folder, "huge");
  await writeHugeModel(checkpoint);
  const options: PruneOptions = {
    ...{ checkpoint, out: join(runs.folder, "out"), method: "magnitude", device: "wasm" },
    calibration: [],
  };
  // First: planning opens a device of its own, in the place of this one.
  const refusal: unknown = await runs.run(options).catch((error: unknown) => error);
  const plan = await planPrune(options, never, terminalWords);
  expect(plan.tensors.filter(({ fate }) => fate === "pruned")).toHaveLength(7);
  expect(plan.seconds).toBeGreaterThan(0);
  // A layer of 10¹² bytes: too much for the device, for the machine, and each matrix for one piece.
  const { shortages } = plan;
  const memory = shortages.filter(({ code }) => code === "pipeline/not-enough-memory");
  expect(memory.map(({ needed }) => needed)).toEqual([
    plan.deviceMemory,
    plan.deviceMemory + plan.hostMemory,
    plan.largestTensor,
  ]);
  for (const { needed, available, message } of shortages) {
    expect(needed).toBeGreaterThan(available);
    expect(message).toMatch(/ too little\. Choose an(other)? --(device|out)/);
  }
  const { shortages: told } = await planPrune(options, never, editorWords);
  expect(told.map(({ needed }) => needed)).toEqual(shortages.map(({ needed }) => needed));
  expect(told.map(({ message }) => message).join()).not.toMatch(/--[a-z]/);

  expect(refusal).toMatchObject({ code: shortages[0]?.code, message: shortages[0]?.message });
});

test("where all is there, nothing is short", async () => {
  const { shortages } = await planPrune(await runs.options({}), never, terminalWords);
  expect(shortages).toEqual([]);
});
