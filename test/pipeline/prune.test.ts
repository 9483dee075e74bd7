/** Laws of whole runs on tiny random checkpoints, in process, on the wasm backend. */
import { cp, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import * as tf from "@tensorflow/tfjs-core";
import { openCheckpoint, type Checkpoint } from "../../daemon/checkpoint/index.ts";
import { openModel } from "../../daemon/model/index.ts";
import { perplexity } from "../../daemon/pipeline/evaluate.ts";
import type { PruneOptions, RunEvent, Stage } from "../../daemon/pipeline/index.ts";
import type { RotationScope } from "../../daemon/report.ts";
import type { LayerShape, Pattern, PruneMethod } from "../../daemon/vocabulary.ts";
import {
  TINY_SHAPE,
  writeTinyModel,
  writeTinyText,
  type TinyOptions,
} from "../support/tinyModel.ts";
import { contents, never, useRuns } from "./useRuns.ts";

const runs = useRuns();
const { run } = runs;

const NM24: Pattern = { kind: "nm", keep: 2, of: 4 };
const HALF: Pattern = { kind: "unstructured", share: 0.5 };
const LAYER: RotationScope = { kind: "layer" };

const optionsFor = (tiny: TinyOptions, more: Partial<PruneOptions>): Promise<PruneOptions> =>
  runs.options(tiny, { steps: 12, ...more });

const WIDE_HEADS: LayerShape = { ...TINY_SHAPE, headDim: 8 };
/** SmolLM's proportions: 9 query heads over 3. */
const SMOL: LayerShape = { d: 36, heads: 9, kvHeads: 3, headDim: 4, ffn: 96 };

const PRUNABLE = /(q|k|v|o|gate|up|down|qkv|gate_up)_proj\.weight$/;

/** Zeros of every aligned group of `of` along the input, the fewest of all groups. */
async function fewestZeros(checkpoint: Checkpoint, name: string, of: number): Promise<number> {
  const values = await checkpoint.readFloats(name);
  let fewest = of;
  for (let i = 0; i < values.length; i += of) {
    fewest = Math.min(fewest, values.subarray(i, i + of).filter((w) => w === 0).length);
  }
  return fewest;
}

async function zerosOf(checkpoint: Checkpoint, name: string): Promise<number> {
  return (await checkpoint.readFloats(name)).filter((w) => w === 0).length;
}

/** In a fused tensor every projection is a matrix of its own to magnitude and SparseGPT; Wanda counts by row. */
function unstructuredZeros(
  method: PruneMethod,
  share: number,
  name: string,
  [rows, cols]: readonly [number, number],
): number {
  if (method === "wanda") return rows * Math.floor(share * cols);
  // Of TINY_SHAPE: 16 rows of q, 8 of k, 8 of v; 32 of gate, 32 of up.
  const parts = name.includes("qkv_proj")
    ? [16, 8, 8]
    : name.includes("gate_up_proj")
      ? [32, 32]
      : [rows];
  return parts.reduce((sum, part) => sum + Math.floor(share * part * cols), 0);
}

describe("exact zeros, a passed self-test and a readable output", () => {
  const scopes: RotationScope[] = [
    { kind: "none" },
    LAYER,
    { kind: "every", layers: 2 },
    { kind: "global" },
  ];
  const cases: [PruneMethod, Pattern, RotationScope, TinyOptions][] = [
    ["magnitude", HALF, LAYER, {}],
    ["magnitude", NM24, { kind: "none" }, { tied: true }],
    ["wanda", NM24, LAYER, { modelType: "qwen2", tied: true, layers: 3 }],
    ["wanda", HALF, { kind: "global" }, { modelType: "mistral", config: { sliding_window: 6 } }],
    ["wanda", { kind: "nm", keep: 4, of: 8 }, { kind: "every", layers: 2 }, { layers: 3 }],
    ["sparsegpt", HALF, LAYER, { tied: true, stores: "head" }],
    [
      "sparsegpt",
      { kind: "nm", keep: 1, of: 4 },
      LAYER,
      { biases: ["q", "k", "v", "o"], config: { attention_bias: true } },
    ],
    ["sparsegpt", NM24, LAYER, { modelType: "qwen3", tied: true, shape: WIDE_HEADS, layers: 3 }],
    ["wanda", HALF, { kind: "global" }, { modelType: "qwen3" }],
    ["sparsegpt", NM24, { kind: "every", layers: 2 }, { modelType: "phi3", layers: 3 }],
    ["wanda", HALF, LAYER, { modelType: "phi3", config: { sliding_window: 6 } }],
    ["magnitude", { kind: "unstructured", share: 0.3 }, { kind: "global" }, { modelType: "phi3" }],
    ["sparsegpt", NM24, LAYER, { tied: true, shape: SMOL }],
    ...scopes.map((scope): (typeof cases)[number] => ["sparsegpt", NM24, scope, { layers: 3 }]),
  ];
  test.each(cases)("%s %o rotation %o", async (method, pattern, rotation, tiny) => {
    const options = await optionsFor(tiny, { method, pattern, rotation });
    const before = tf.memory().numTensors;
    const { output, report } = await run(options);
    expect(tf.memory().numTensors).toBe(before);

    const checkpoint = await openCheckpoint(output);
    const model = openModel(checkpoint);
    let zeros = 0;
    for (const [name, { shape, elements }] of checkpoint.tensors) {
      if (!PRUNABLE.test(name)) continue;
      const [rows = 0, cols = 0] = shape;
      const found = await zerosOf(checkpoint, name);
      zeros += found;
      if (pattern.kind === "nm") {
        expect(await fewestZeros(checkpoint, name, pattern.of)).toBe(pattern.of - pattern.keep);
        expect(found).toBe((elements / pattern.of) * (pattern.of - pattern.keep));
      } else {
        expect(found).toBe(unstructuredZeros(method, pattern.share, name, [rows, cols]));
      }
    }
    expect(report.total.zeros).toBe(zeros);
    expect(report.selfTest.maxAbsDifference).toBeLessThanOrEqual(report.selfTest.tolerance);
    expect(model.config.boundaries).toEqual(
      rotation.kind === "layer"
        ? report.layers.slice(1).map((l) => l.index)
        : rotation.kind === "every"
          ? [2]
          : [],
    );
    if (rotation.kind !== "none") {
      expect(report.layers[0]?.entropy.after).toBeLessThan(report.layers[0]?.entropy.before ?? 0);
    }
    await checkpoint.close();
  });
});

test("the self-test compares two different computations, and the written folder gives the pruned logits", async () => {
  const options = await optionsFor({ layers: 4 }, { method: "wanda", pattern: NM24, steps: 60 });
  const { selfTest } = (await run(options)).report;
  expect(selfTest.maxAbsLogit).toBeGreaterThan(1);
  expect(selfTest.maxAbsDifference).toBeGreaterThan(0);
  expect(selfTest.maxAbsDifference).toBeLessThan(1e-4);
  expect(selfTest.reopened.maxAbsDifference).toBeGreaterThan(0);
  expect(selfTest.reopened.maxAbsDifference).toBeLessThan(1e-3);
});

test("a tied checkpoint that stores a head of its own is written once each", async () => {
  const options = await optionsFor(
    { tied: false, config: { tie_word_embeddings: true } },
    {
      method: "magnitude",
    },
  );
  const { output } = await run(options);
  const checkpoint = await openCheckpoint(output);
  expect(checkpoint.config).toMatchObject({ tie_word_embeddings: false });
  await checkpoint.close();
});

test("an output that is a link to an empty folder is filled where it points to", async () => {
  const options = await optionsFor({}, { method: "magnitude" });
  const target = join(runs.folder, "elsewhere");
  await mkdir(target);
  await symlink(target, options.out);
  const { output } = await run(options);
  expect(output).toBe(target);
  expect(existsSync(join(options.out, "config.json"))).toBe(true);
});

test("the output's perplexity is what the report says, with dense and unrotated beside it", async () => {
  const text = join(runs.folder, "text.txt");
  const evaluation = { files: [text], seqLen: 24, maxWindows: 8 };
  const options = await optionsFor({}, { method: "wanda", evaluation });
  const { output, report } = await run(options);
  expect(report.perplexity.map((row) => row.label)).toEqual([
    "dense",
    "pruned",
    "rotated + pruned",
  ]);

  const { windows } = await import("../../daemon/text/index.ts").then(async (t) =>
    t.evaluationWindows(await t.loadTokenizer(output), text, { seqLen: 24, maxWindows: 8 }),
  );
  for (const [root, label] of [
    [options.checkpoint, "dense"],
    [output, "rotated + pruned"],
  ] as const) {
    const checkpoint = await openCheckpoint(root);
    const measured = await perplexity(openModel(checkpoint), windows, never, () => undefined);
    const row = report.perplexity.find((r) => r.label === label);
    expect(measured.perplexity).toBeCloseTo(row?.perplexity ?? NaN, 6);
    expect(row?.tokens).toBe(8 * 23);
    await checkpoint.close();
  }
  const written: unknown = JSON.parse(await readFile(join(output, "denoise-report.json"), "utf8"));
  expect(written).toEqual(JSON.parse(JSON.stringify(report)));
  expect(existsSync(join(runs.folder, ".denoise-rotator"))).toBe(false);
});

test("dtypes: bf16 output, and every other tensor copied through untouched", async () => {
  const options = await optionsFor(
    { dtype: "BF16" },
    { method: "magnitude", rotation: { kind: "none" } },
  );
  const { output } = await run(options);
  const [before, after] = [await openCheckpoint(options.checkpoint), await openCheckpoint(output)];
  for (const [name, { dtype }] of after.tensors) {
    expect(dtype).toBe("BF16");
    if (PRUNABLE.test(name) || name.endsWith("layernorm.weight")) continue;
    expect(await after.readBytes(name)).toEqual(await before.readBytes(name));
  }
  await before.close();
  await after.close();

  const f32 = await run({ ...options, out: join(runs.folder, "f32"), dtype: "f32" });
  const recast = await openCheckpoint(f32.output);
  expect([...recast.tensors.values()].every((t) => t.dtype === "F32")).toBe(true);
  expect(recast.config).toMatchObject({ torch_dtype: "float32" });
  await recast.close();
});

test("a sharded input gives the same tensors as a single file", async () => {
  const options = await optionsFor({}, { method: "sparsegpt" });
  const single = await run(options);
  await rm(join(runs.folder, "model"), { recursive: true });
  await writeTinyModel(runs.folder, { maxShardBytes: 4000 });
  const many = await run({ ...options, out: join(runs.folder, "many"), maxShardBytes: 4000 });
  const [a, b] = [await openCheckpoint(single.output), await openCheckpoint(many.output)];
  expect(b.files.length).toBeGreaterThan(2);
  expect([...b.tensors.keys()].sort()).toEqual([...a.tensors.keys()].sort());
  for (const name of a.tensors.keys()) {
    expect(await b.readBytes(name)).toEqual(await a.readBytes(name));
  }
  await a.close();
  await b.close();
});

describe("stopping and resuming", () => {
  const cases: [PruneMethod, RotationScope][] = [
    ["sparsegpt", LAYER],
    ["wanda", { kind: "every", layers: 2 }],
    ["magnitude", { kind: "global" }],
  ];
  test.each(cases)(
    "%s %o: cancelled at every event, resumed, same bytes",
    async (method, rotation) => {
      const evaluation = { files: [join(runs.folder, "text.txt")], seqLen: 24, maxWindows: 4 };
      const options = await optionsFor({ layers: 3 }, { method, rotation, evaluation });
      const events: RunEvent[] = [];
      const whole = await run({ ...options, out: join(runs.folder, "whole", "out") }, (e) =>
        events.push(e),
      );
      const expected = await contents(whole.output);
      const input = await contents(options.checkpoint);

      let resume = false;
      // Cancels a little later each time, until a run comes through.
      for (let patience = 1; !existsSync(options.out); patience += Math.ceil(events.length / 7)) {
        const stop = new AbortController();
        let seen = 0;
        const listener = () => {
          seen += 1;
          if (seen === patience) stop.abort();
        };
        await run({ ...options, resume }, listener, stop.signal).catch((error: unknown) => {
          if (!stop.signal.aborted) throw error;
        });
        resume = existsSync(join(runs.folder, ".denoise-rotator", "out", "run.json"));
      }
      expect(await contents(options.out)).toEqual(expected);
      expect(await contents(options.checkpoint)).toEqual(input);
    },
  );

  const stages: [Stage, RotationScope][] = (
    ["collect", "rotate", "prune", "propagate", "commit", "evaluate"] as const
  ).flatMap((stage): [Stage, RotationScope][] => [
    [stage, LAYER],
    [stage, { kind: "global" }],
  ]);
  test.each(stages)(
    "stopped in the middle of %s, %o: resumed to the same bytes",
    async (stage, rotation) => {
      const evaluation = { files: [join(runs.folder, "text.txt")], seqLen: 24, maxWindows: 4 };
      const options = await optionsFor({}, { method: "sparsegpt", rotation, evaluation });
      const whole = await run({ ...options, out: join(runs.folder, "whole", "out") });
      for (const occurrence of [1, 3, 6]) {
        await rm(options.out, { recursive: true, force: true });
        const stop = new AbortController();
        let seen = 0;
        const listener = (event: RunEvent) => {
          if (event.type === "progress" && event.stage === stage) seen += 1;
          if (seen === occurrence) stop.abort();
        };
        const stopped = await run(options, listener, stop.signal).then(
          () => false,
          () => true,
        );
        if (stopped) await run({ ...options, resume: true });
        expect(await contents(options.out)).toEqual(await contents(whole.output));
      }
    },
  );

  test("a run killed behind its last rename only has to tidy up", async () => {
    const options = await optionsFor({}, { method: "magnitude" });
    const { report } = await run(options);
    const work = join(runs.folder, ".denoise-rotator", "out");
    await mkdir(work, { recursive: true });
    await writeFile(join(work, "run.json"), "{}");
    const again = await run({ ...options, resume: true });
    expect(again.report).toEqual(JSON.parse(JSON.stringify(report)));
    expect(existsSync(work)).toBe(false);
  });

  test("a finished output is another run's where options, text or input differ", async () => {
    const options = await optionsFor({}, { method: "wanda" });
    const { report } = await run(options);
    const resumed = { ...options, resume: true };
    const again = await run(resumed);
    expect(again.report).toEqual(JSON.parse(JSON.stringify(report)));
    const refused = async (other: Partial<PruneOptions>, says: string): Promise<void> => {
      await expect(run({ ...resumed, ...other })).rejects.toMatchObject({
        code: "pipeline/finished-otherwise",
        message: expect.stringContaining(says) as string,
      });
    };
    await refused({ steps: 13 }, "steps 12, now it is 13");
    await refused({ dtype: "bf16" }, 'dtype "keep", now it is "bf16"');
    await writeTinyText(join(runs.folder, "text.txt"), 4000, 8);
    await refused({}, "other calibration text");
    await writeTinyText(join(runs.folder, "text.txt"));
    await rm(join(runs.folder, "model"), { recursive: true });
    await writeTinyModel(runs.folder, { layers: 2, seed: 2 });
    await refused({}, "another input checkpoint");
  });

  test("files of a run whose run.json is gone do not pass for another's", async () => {
    const options = await optionsFor({ layers: 2 }, { method: "wanda" });
    const stop = new AbortController();
    const listener = (event: RunEvent) => {
      if (event.type === "layer") stop.abort();
    };
    await expect(run(options, listener, stop.signal)).rejects.toBeDefined();
    await rm(join(runs.folder, ".denoise-rotator", "out", "run.json"));
    const other = await run({ ...options, method: "sparsegpt" });
    const clean = await run({
      ...options,
      method: "sparsegpt",
      out: join(runs.folder, "clean", "out"),
    });
    expect(await contents(other.output)).toEqual(await contents(clean.output));
  });

  test("a lock of a living process is respected, one of a dead process is taken over", async () => {
    const options = await optionsFor({}, { method: "magnitude" });
    const work = join(runs.folder, ".denoise-rotator", "out");
    await mkdir(work, { recursive: true });
    const stat = await readFile(`/proc/${process.ppid}/stat`, "utf8").catch(() => "");
    const started = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
    const holder = { pid: process.ppid, host: hostname(), started };
    await writeFile(join(work, "lock"), JSON.stringify(holder));
    await expect(run(options)).rejects.toMatchObject({ code: "pipeline/run-in-progress" });
    // Not to be taken for unfinished, which the person is told to delete.
    await writeFile(join(work, "run.json"), "{}");
    await expect(run(options)).rejects.toMatchObject({ code: "pipeline/run-in-progress" });
    await rm(join(work, "run.json"));
    // The same number, but a process that started at another time.
    await writeFile(join(work, "lock"), JSON.stringify({ ...holder, started: "another time" }));
    await run(options);
    expect(existsSync(options.out)).toBe(true);
  });

  test("a run resumed with other options, or another input, is refused", async () => {
    const options = await optionsFor({ layers: 2 }, { method: "wanda" });
    const stop = new AbortController();
    const listener = (event: RunEvent) => {
      if (event.type === "layer") stop.abort();
    };
    await expect(run(options, listener, stop.signal)).rejects.toBeDefined();

    await expect(run(options)).rejects.toMatchObject({ code: "pipeline/unfinished-run" });
    const resumed = { ...options, resume: true };
    await expect(run({ ...resumed, steps: 13 })).rejects.toMatchObject({
      code: "pipeline/resume-mismatch",
      message: expect.stringContaining("steps 12, now it is 13") as string,
    });
    await writeTinyText(join(runs.folder, "text.txt"), 4000, 8);
    await expect(run(resumed)).rejects.toMatchObject({ code: "pipeline/resume-mismatch" });
    await writeTinyText(join(runs.folder, "text.txt"));
    await cp(join(runs.folder, "model"), join(runs.folder, "kept"), { recursive: true });
    await rm(join(runs.folder, "model"), { recursive: true });
    await writeTinyModel(runs.folder, { layers: 2, seed: 2 });
    await expect(run(resumed)).rejects.toMatchObject({ code: "pipeline/resume-mismatch" });
    expect(existsSync(options.out)).toBe(false);
  });

  test("resuming where nothing is unfinished is refused", async () => {
    const options = await optionsFor({}, { method: "magnitude", resume: true });
    await expect(run(options)).rejects.toMatchObject({ code: "pipeline/nothing-to-resume" });
  });
});
