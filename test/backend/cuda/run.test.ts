/**
 * A whole run on the device, products rounded to TF32: what is checked and what is stored must not be. The run's own
 * self-test compares the logits of the rotated model with the dense ones to float32's accuracy.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBackend, type Backend } from "../../../daemon/backend/index.ts";
import { pruneOn, silent, type PruneOptions } from "../../../daemon/pipeline/index.ts";
import { writeTinyModel, writeTinyText } from "../../support/tinyModel.ts";
import { testGpu } from "./testGpu.ts";

const gpu = await testGpu();
const never = new AbortController().signal;

describe.skipIf(gpu.kind === "none")(gpu.name, () => {
  let folder: string;
  let backend: Backend;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "cuda-run-"));
    backend = await openBackend("cuda");
  });
  afterAll(async () => {
    await backend.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  test.each<[string, Partial<PruneOptions>]>([
    ["a rotation a layer", {}],
    ["one rotation for all", { rotation: { kind: "global" } }],
    ["the entropy of the paper, Wanda", { objective: "entropy", method: "wanda" }],
  ])(
    "%s",
    async (name, more) => {
      const place = await mkdtemp(join(folder, "run-"));
      const result = await pruneOn(
        backend,
        {
          checkpoint: await writeTinyModel(place, { layers: 2 }),
          out: join(place, "out"),
          calibration: [await writeTinyText(join(place, "text.txt"))],
          ...{ samples: 3, seqLen: 16, sampling: "sequential", steps: 4 },
          ...more,
        },
        silent,
        never,
      );
      const { maxAbsDifference, tolerance, reopened } = result.report.selfTest;
      // TF32 rounds at 1e-3; what is left here is float32's own.
      expect(maxAbsDifference, name).toBeLessThan(tolerance / 2);
      expect(reopened.maxAbsDifference).toBeLessThanOrEqual(reopened.tolerance);
    },
    120_000,
  );
});
