/** Entropy as a run tells it step by step, with an objective that is another. */
import { rm } from "node:fs/promises";
import { expect, test } from "vitest";
import type { RunEvent } from "../../daemon/pipeline/index.ts";
import { contents, useRuns } from "./useRuns.ts";

type Step = RunEvent & { type: "step" };

const runs = useRuns();
const gathering = (steps: Step[]) => (event: RunEvent) => {
  if (event.type === "step") steps.push(event);
};
const known = (steps: readonly Step[]) =>
  steps.filter(({ entropy }) => entropy !== undefined).map(({ step }) => step);

test("is told at the first step, every tenth and the last, and stands in the report", async () => {
  const options = await runs.options({}, { steps: 24 });
  const steps: Step[] = [];
  const { report } = await runs.run(options, gathering(steps));
  for (const { index, entropy, curve } of report.layers) {
    const mine = steps.filter(({ layers }) => layers[0] === index);
    expect(known(mine)).toEqual([1, 11, 21, 24]);
    // Learning begins with the identity, where the layer is as it was.
    expect(Math.abs((mine[0]?.entropy ?? NaN) / entropy.before - 1)).toBeLessThan(1e-5);
    expect(curve).toEqual(
      mine.map(({ step, objective, loss, entropy: now }) => ({
        ...{ step, objective, loss },
        ...(now === undefined ? {} : { entropy: now }),
      })),
    );
  }
});

test("a rotation of several layers has their sum", async () => {
  const options = await runs.options({}, { steps: 8, rotation: { kind: "global" } });
  const steps: Step[] = [];
  const { report } = await runs.run(options, gathering(steps));
  const before = report.layers.reduce((sum, { entropy }) => sum + entropy.before, 0);
  expect(known(steps)).toEqual([1, 8]);
  expect(Math.abs((steps[0]?.entropy ?? NaN) / before - 1)).toBeLessThan(1e-5);
});

test("as the objective it is the loss of every step", async () => {
  const steps: Step[] = [];
  await runs.run(await runs.options({}, { objective: "entropy" }), gathering(steps));
  expect(steps.length).toBeGreaterThan(0);
  expect(steps.map(({ entropy }) => entropy)).toEqual(steps.map(({ loss }) => loss));
});

test("of a curve with more steps than are kept, the kept ones have it", async () => {
  const options = await runs.options({ layers: 1 }, { steps: 850, method: "magnitude" });
  const { report } = await runs.run(options);
  const { curve } = report.layers[0] ?? { curve: [] };
  expect(curve.length).toBeLessThanOrEqual(400);
  expect(curve.filter(({ entropy }) => entropy !== undefined).map(({ step }) => step)).toEqual([
    ...Array.from({ length: 29 }, (_, i) => 1 + 30 * i),
    850,
  ]);
});

test("the output is the same bytes whether anybody listens or not", async () => {
  const options = await runs.options({});
  await runs.run(options);
  const silently = await contents(options.out);
  await rm(options.out, { recursive: true });
  const steps: Step[] = [];
  await runs.run(options, gathering(steps));
  expect(await contents(options.out)).toEqual(silently);
  expect(known(steps).length).toBeGreaterThan(0);
});
