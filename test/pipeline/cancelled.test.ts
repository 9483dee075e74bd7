/** A run that is stopped at any of its stages leaves nothing on the device, whoever goes on using that. */
import * as tf from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { useRuns } from "./useRuns.ts";

const runs = useRuns();

test.each([
  ["layer", 0, "embed"],
  ["layer", 0, "collect"],
  ["layer", 0, "rotate"],
  ["layer", 0, "prune"],
  ["layer", 0, "propagate"],
  ["layer", 1, "prune"],
  ["global", 1, "collect"],
  ["global", 0, "rotate"],
  ["global", 1, "prune"],
] as const)("one rotation a %s, layer %i, %s", async (kind, layer, stage) => {
  const options = await runs.options({ layers: 2 }, { rotation: { kind } });
  const before = tf.memory().numTensors;
  const control = new AbortController();
  let seen = false;
  const run = runs.run(
    options,
    (event) => {
      if (event.type !== "progress" || event.stage !== stage) return;
      if (event.layer !== null && event.layer !== layer) return;
      seen = true;
      control.abort();
    },
    control.signal,
  );
  await expect(run).rejects.toThrow();
  expect(seen).toBe(true);
  expect(tf.memory().numTensors).toBe(before);
});
