/** What a plan says beside its figures. */
import { expect, test } from "vitest";
import { planPrune } from "../../daemon/pipeline/index.ts";
import { terminalWords } from "../../daemon/wording.ts";
import { never, useRuns } from "./useRuns.ts";

const runs = useRuns();

test("layers that config.json does not count are copied, and the plan says so", async () => {
  const options = await runs.options({ layers: 4, config: { num_hidden_layers: 2 } });
  const { notes, tensors } = await planPrune(options, never, terminalWords);
  expect(notes.join()).toContain("num_hidden_layers 2): the 2 behind are copied");
  const behind = tensors.filter(({ name }) => /layers\.[23]\./.test(name));
  expect(behind.length).toBeGreaterThan(0);
  expect(new Set(behind.map(({ fate }) => fate))).toEqual(new Set(["copied"]));
});

test("nothing is said of them where there are none", async () => {
  const { notes } = await planPrune(await runs.options({ layers: 2 }), never, terminalWords);
  expect(notes.join()).not.toContain("num_hidden_layers");
});

test("what the run has to fetch first is named, since no figure counts it", async () => {
  const options = await runs.options({ layers: 1 });
  const { notes } = await planPrune(options, never, terminalWords, ["the evaluation text"]);
  expect(notes.join()).toContain("not in these figures: the evaluation text.");
  expect((await planPrune(options, never, terminalWords)).notes.join()).not.toContain("figures");
});
