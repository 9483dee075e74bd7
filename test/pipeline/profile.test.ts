/** Shares that differ from layer to layer: the formula, exact counts, resuming, and what is refused. */
import { readFile, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import * as tf from "@tensorflow/tfjs-core";
import { openCheckpoint } from "../../daemon/checkpoint/index.ts";
import { openModel, weightPlace } from "../../daemon/model/index.ts";
import type { PruneOptions, RunEvent } from "../../daemon/pipeline/index.ts";
import { distributed, outlierRatio, owlRatios } from "../../daemon/pipeline/profile.ts";
import { sampleCalibration, loadTokenizer } from "../../daemon/text/index.ts";
import {
  INPUT_OF,
  ROLES,
  type InputKind,
  type Pattern,
  type PruneMethod,
  type Role,
} from "../../daemon/vocabulary.ts";
import { referenceLogits } from "../support/reference.ts";
import { readReference } from "../support/readReference.ts";
import type { TinyOptions } from "../support/tinyModel.ts";
import { contents, useRuns } from "./useRuns.ts";

const runs = useRuns();
const { run } = runs;

const HALF: Pattern = { kind: "unstructured", share: 0.5 };
const SEQ_LEN = 24;
const SAMPLES = 6;

/** Every `every`-th weight far larger than the others. */
const spiked = (every: number) => (values: Float32Array) =>
  values.map((w, i) => (i % every === 0 ? 8 * w : w));
/** Outliers in the layers 0 (many) and 2 (few). */
const OUTLIERS: TinyOptions = {
  layers: 3,
  replace: {
    "model.layers.0.mlp.down_proj.weight": spiked(6),
    "model.layers.0.self_attn.q_proj.weight": spiked(9),
    "model.layers.2.mlp.up_proj.weight": spiked(20),
  },
};

const optionsFor = (tiny: TinyOptions, more: Partial<PruneOptions>): Promise<PruneOptions> =>
  runs.options(tiny, { pattern: HALF, samples: SAMPLES, seqLen: SEQ_LEN, ...more });

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

describe("OWL's formula", () => {
  test("outliers are counted against the mean of all matrices of a layer", () => {
    // Scores 1 2 3 14 and 2 2: mean 4, threshold 20. With 54 for 14: mean 64 / 6, threshold 53.3.
    const small = { weights: Float32Array.of(2, 2), inputNorms: Float64Array.of(1) };
    const of = (last: number) => ({
      weights: Float32Array.of(-1, 1, 3, -last / 2),
      inputNorms: Float64Array.of(1, 2),
    });
    expect(outlierRatio([of(14), small])).toBe(0);
    expect(outlierRatio([of(54), small])).toBeCloseTo(1 / 6, 12);
  });

  test("densities span 2λ, layers with more outliers keep more, and the mean is the share", () => {
    // D − min over the range: 0, ½, 1. Densities 0, 0.08, 0.16, less their mean 0.08, plus 0.3.
    const ratios = owlRatios([0.01, 0.02, 0.03], 0.7);
    for (const [i, expected] of [0.78, 0.7, 0.62].entries()) {
      expect(ratios[i]).toBeCloseTo(expected, 12);
    }
  });

  test("equal layers are pruned alike", () => {
    expect(owlRatios([0.02, 0.02], 0.6)).toEqual([0.6, 0.6]);
  });

  test.each([0.02, 0.97])("share %d: no layer reaches 0 or 1, and the mean stays", (share) => {
    const ratios = owlRatios([0, 0, 0, 0, 1, 0.2], share);
    expect(Math.min(...ratios)).toBeGreaterThan(0);
    expect(Math.max(...ratios)).toBeLessThan(1);
    expect(mean(ratios)).toBeCloseTo(share, 12);
  });
});

test("whole numbers in proportion, largest remainders first, add up to the total", () => {
  expect(distributed([0.5, 0.5, 0.5], 10)).toEqual([4, 3, 3]);
  expect(distributed([0.2, 0.3, 0.5], 7)).toEqual([1, 2, 4]);
  const many = Array.from({ length: 31 }, (_, i) => 0.3 + 0.01 * i);
  expect(distributed(many, 12_345).reduce((a, b) => a + b, 0)).toBe(12_345);
});

/** D of every layer in float64, from the paper's words. */
async function referenceOutliers(options: PruneOptions): Promise<number[]> {
  const checkpoint = await openCheckpoint(options.checkpoint);
  const { config } = openModel(checkpoint);
  const { heads, headDim } = config.shape;
  const angle = (t: number, i: number) => t * 10000 ** ((-2 * i) / headDim);
  const model = await readReference(checkpoint, config, angle);
  const { windows } = await sampleCalibration(
    await loadTokenizer(options.checkpoint),
    options.calibration ?? [],
    { samples: SAMPLES, seqLen: SEQ_LEN, sampling: "sequential", seed: 0 },
  );
  const inputSize = { qkv: config.shape.d, o: heads * headDim, mlp: config.shape.d };
  const sizes: Record<InputKind, number> = { ...inputSize, down: config.shape.ffn };
  const squares = model.layers.map(
    () => new Map(Object.entries(sizes).map(([kind, n]) => [kind, new Float64Array(n)])),
  );
  for (const window of windows) {
    referenceLogits(model, [...window], (layer, kind, inputs) => {
      const sums = squares[layer]?.get(kind);
      for (const x of inputs) x.forEach((v, j) => sums && (sums[j] = (sums[j] ?? 0) + v * v));
    });
  }
  await checkpoint.close();
  return model.layers.map(({ matrices }, i) => {
    const scores = ROLES.flatMap((role) =>
      matrices[role].flatMap((row) =>
        Array.from(
          row,
          (w, j) => Math.abs(w) * Math.sqrt(squares[i]?.get(INPUT_OF[role])?.[j] ?? NaN),
        ),
      ),
    );
    const threshold = 5 * mean(scores);
    return scores.filter((s) => s > threshold).length / scores.length;
  });
}

test("the ratios of a run are OWL's, in float64 from the dense model's activations", async () => {
  const options = await optionsFor(OUTLIERS, {
    method: "wanda",
    sparsityProfile: { kind: "owl" },
  });
  const outliers = await referenceOutliers(options);
  expect(new Set(outliers).size).toBe(3);
  // As the authors' code: normalise to 2λ, subtract the mean, add the density.
  const [low, high] = [Math.min(...outliers), Math.max(...outliers)];
  const scaled = outliers.map((d) => ((d - low) / (high - low)) * 2 * 0.08);
  const expected = scaled.map((s) => 1 - (s - mean(scaled) + 0.5));

  const { report } = await run(options);
  expect(report.recipe.profile).toEqual({ kind: "owl" });
  for (const [i, ratio] of expected.entries()) expect(report.ratios?.[i]).toBeCloseTo(ratio, 10);
});

/** Zeros of every role, layer by layer, in the written checkpoint. */
async function zerosByRole(output: string): Promise<Record<Role, number[]>> {
  const checkpoint = await openCheckpoint(output);
  const { config } = openModel(checkpoint);
  const counted: Partial<Record<Role, number[]>> = {};
  for (const role of ROLES) {
    counted[role] = [];
    for (let i = 0; i < config.layers; i++) {
      const { name, ...rows } = weightPlace(config, i, role);
      const values = await checkpoint.readFloats(name, rows);
      counted[role].push(values.filter((w) => w === 0).length);
    }
  }
  await checkpoint.close();
  return counted as Record<Role, number[]>;
}

const total = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);

describe("exact counts", () => {
  const cases: [PruneMethod, TinyOptions, PruneOptions["rotation"]][] = [
    ["wanda", {}, { kind: "layer" }],
    ["sparsegpt", {}, { kind: "global" }],
    ["sparsegpt", { modelType: "phi3" }, { kind: "none" }],
    ["magnitude", { modelType: "qwen3" }, { kind: "layer" }],
  ];
  test.each(cases)("%s %o %o: as many zeros as evenly", async (method, tiny, rotation) => {
    const file = join(runs.folder, "ratios.json");
    await writeFile(file, "[0.23, 0.37, 0.33]");
    const pattern: Pattern = { kind: "unstructured", share: 0.31 };
    const options = await optionsFor({ ...tiny, layers: 3 }, { method, rotation, pattern });
    const before = tf.memory().numTensors;
    const even = await run({ ...options, out: join(runs.folder, "even") });
    const { output, report } = await run({
      ...options,
      sparsityProfile: { kind: "file", path: file },
    });
    expect(tf.memory().numTensors).toBe(before);

    const [same, spread] = [await zerosByRole(even.output), await zerosByRole(output)];
    for (const role of ROLES) {
      expect(total(spread[role])).toBe(total(same[role]));
      const [a = 0, b = 0, c = 0] = spread[role];
      expect(a).toBeLessThan(c);
      expect(c).toBeLessThanOrEqual(b);
    }
    expect(report.total.zeros).toBe(even.report.total.zeros);
    expect(report.selfTest.reopened.zeros).toBe(report.total.zeros);
    expect(report.ratios).toEqual([0.23, 0.37, 0.33]);
    expect(even.report.ratios).toBeNull();
  });

  test("a file without a share beside it says how much is deleted", async () => {
    const file = join(runs.folder, "ratios.json");
    await writeFile(file, "[0.25, 0.5]");
    const options = await optionsFor(
      {},
      { method: "magnitude", pattern: undefined, sparsityProfile: { kind: "file", path: file } },
    );
    const { output, report } = await run(options);
    expect(report.recipe.pattern).toEqual({ kind: "unstructured", share: 0.375 });
    // q: 16 × 16, quarter and half.
    expect((await zerosByRole(output)).q).toEqual([64, 128]);
  });
});

describe("resuming", () => {
  const owl = { method: "sparsegpt", sparsityProfile: { kind: "owl" } } as const;

  test("cancelled on the way through the pass and behind it, resumed: the same bytes", async () => {
    const options = await optionsFor(OUTLIERS, owl);
    const events: RunEvent[] = [];
    const whole = await run({ ...options, out: join(runs.folder, "whole", "out") }, (e) => {
      events.push(e);
    });
    const expected = await contents(whole.output);
    let resume = false;
    let cancelled = 0;
    for (let patience = 3; !existsSync(options.out); patience += Math.ceil(events.length / 5)) {
      const stop = new AbortController();
      let seen = 0;
      const listener = () => {
        if (++seen === patience) stop.abort();
      };
      await run({ ...options, resume }, listener, stop.signal).catch((error: unknown) => {
        if (!stop.signal.aborted) throw error;
        cancelled++;
      });
      resume = existsSync(join(runs.folder, ".denoise-rotator", "out", "run.json"));
    }
    expect(cancelled).toBeGreaterThan(1);
    expect(await contents(options.out)).toEqual(expected);
  });

  test("the ratios are those that were measured first", async () => {
    const options = await optionsFor(OUTLIERS, owl);
    const stop = new AbortController();
    const listener = (event: RunEvent) => {
      if (event.type === "layer") stop.abort();
    };
    await expect(run(options, listener, stop.signal)).rejects.toBeDefined();
    const file = join(runs.folder, ".denoise-rotator", "out", "profile.json");
    const saved = JSON.parse(await readFile(file, "utf8")) as { ratios: number[] };
    // What is measured again would not be this.
    const other = [saved.ratios[0] ?? 0, 0.52, 1 - 0.52 + 0.5 - (saved.ratios[0] ?? 0)];
    await writeFile(file, JSON.stringify({ ratios: other }));
    const { report } = await run({ ...options, resume: true });
    expect(report.ratios).toEqual(other);
  });

  test("a profile that was changed to nonsense, and another profile, are refused", async () => {
    const options = await optionsFor(OUTLIERS, owl);
    const stop = new AbortController();
    const listener = (event: RunEvent) => {
      if (event.type === "layer") stop.abort();
    };
    await expect(run(options, listener, stop.signal)).rejects.toBeDefined();
    await expect(
      run({ ...options, resume: true, sparsityProfile: { kind: "uniform" } }),
    ).rejects.toMatchObject({ code: "pipeline/resume-mismatch" });
    const file = join(runs.folder, ".denoise-rotator", "out", "profile.json");
    await writeFile(file, '{"ratios": [0.5]}');
    await expect(run({ ...options, resume: true })).rejects.toMatchObject({
      code: "pipeline/corrupt-work",
    });
  });
});

describe("refused before any work", () => {
  const cases: [
    what: string,
    text: string | null,
    more: Partial<PruneOptions>,
    code: string,
    says: string,
  ][] = [
    ["a file that is not there", null, {}, "bad-profile", "cannot be read"],
    ["no JSON", "0.5, 0.5", {}, "bad-profile", "is not JSON"],
    ["no list", '{"0": 0.5}', {}, "bad-profile", "is no list of numbers"],
    ["a ratio of 1", "[0.5, 1]", {}, "bad-profile", "entry 1"],
    ["too few", "[0.5]", {}, "bad-profile", "has 1 ratios for a model of 2 layers"],
    ["another mean", "[0.5, 0.6]", {}, "bad-profile", "deletes 55.00 % in the mean"],
    [
      "N:M",
      "[0.5, 0.5]",
      { pattern: { kind: "nm", keep: 2, of: 4 } },
      "bad-option",
      "with 2:4 every group of every layer gives the same",
    ],
    [
      "OWL and N:M",
      "[]",
      { pattern: undefined, sparsityProfile: { kind: "owl" } },
      "bad-option",
      "--sparsity 50%",
    ],
    [
      "OWL and magnitude",
      "[]",
      { method: "magnitude", sparsityProfile: { kind: "owl" } },
      "bad-option",
      "take wanda or sparsegpt",
    ],
  ];
  test.each(cases)("%s", async (_, text, more, code, says) => {
    const path = join(runs.folder, "ratios.json");
    if (text !== null) await writeFile(path, text);
    const options = await optionsFor(
      {},
      { method: "wanda", sparsityProfile: { kind: "file", path }, ...more },
    );
    await expect(run(options)).rejects.toMatchObject({
      code: `pipeline/${code}`,
      kind: "usage",
      message: expect.stringContaining(says) as string,
    });
    expect(existsSync(join(runs.folder, ".denoise-rotator"))).toBe(false);
  });
});
