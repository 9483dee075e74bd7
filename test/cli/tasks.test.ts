/** `eval --tasks`: what is asked of the engine and what is shown of its answer. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runCli } from "../../daemon/cli/index.ts";
import { parseEval } from "../../daemon/cli/evalOptions.ts";
import { parsePrune } from "../../daemon/cli/options.ts";
import type { EvaluateTasksResult } from "../../daemon/pipeline/index.ts";
import { EVALUATED, fakeEngine, fakeIo } from "./harness.ts";

const file = { path: "d/piqa.jsonl", sha256: "ab".repeat(32), bytes: 9 };
const RESULT: EvaluateTasksResult = {
  harness: "lm-evaluation-harness 0.4.13",
  fewShot: 0,
  tasks: [
    {
      task: "piqa",
      version: "1.0",
      items: 1838,
      figures: {
        acc: { value: 0.78237, stderr: 0.00962 },
        acc_norm: { value: 0.79, stderr: 0.0095 },
        acc_bytes: { value: 0.79, stderr: 0.0095 },
      },
      files: [file],
    },
    {
      task: "winogrande",
      version: "1.0",
      items: 1,
      figures: { acc: { value: 1, stderr: null } },
      files: [],
    },
  ],
  samples: [
    { task: "piqa", item: 0, gold: 1, logLikelihoods: [-2, -1] },
    { task: "winogrande", item: 0, gold: 0, logLikelihoods: [-3, -4] },
  ],
  model: { checkpoint: "/m", modelType: "llama", layers: 2, maxLength: 2048 },
  tokenizer: { file: "/m/tokenizer.json", sha256: "cd", prefix: [1] },
  requests: 4,
  truncated: 1,
  device: "wasm",
  seconds: 61,
};
const TASKS = ["eval", "m", "--tasks", "piqa,winogrande", "--task-data", "d"];
const engine = fakeEngine({
  evaluate: () => Promise.resolve(EVALUATED),
  evaluateTasks: () => Promise.resolve(RESULT),
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cli-tasks-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("options", () => {
  const raw = { tasks: "piqa, arc_easy,piqa", taskData: "d", limit: "9", batchTokens: "4096" };
  expect(parseEval("m", raw)).toEqual({
    options: undefined,
    tasks: {
      checkpoint: "m",
      tasks: ["piqa", "arc_easy"],
      taskData: "d",
      limit: 9,
      batchTokens: 4096,
    },
    logSamples: undefined,
    json: false,
  });
});

test("of prune: the tasks of its report, data fetched unless a place is named", () => {
  const { options } = parsePrune("m", { out: "o", tasks: "piqa", limit: "5", baseline: false });
  expect(options.tasks).toEqual({ tasks: ["piqa"], limit: 5, baseline: false });
  expect(() => parsePrune("m", { out: "o", taskData: "d" })).toThrow(
    expect.objectContaining({ code: "cli/needs-option" }),
  );
});

test.each([
  [{}, "cli/nothing-to-measure"],
  [{ tasks: "boolq", taskData: "d" }, "cli/bad-option"],
  [{ tasks: "piqa", taskData: "d", limit: "0.5" }, "cli/bad-option"],
  [{ tasks: "piqa", taskData: "d", seqLen: "9" }, "cli/needs-option"],
  [{ text: ["t"], logSamples: "s" }, "cli/needs-option"],
])("%j is refused with %s", (raw, code) => {
  expect(() => parseEval("m", raw)).toThrow(expect.objectContaining({ code }) as Error);
});

test("for people: figures with their standard errors, and whose semantics they are", async () => {
  const io = fakeIo();
  expect(await runCli(TASKS, io, engine)).toBe(0);
  expect(io.out()).toMatch(/piqa +1,838 +0\.7824 ± 0\.0096 +0\.7900 ± 0\.0095/);
  expect(io.out()).toMatch(/winogrande +1 +1\.0000\n/);
  expect(io.out()).toContain("lm-evaluation-harness 0.4.13, zero-shot");
  expect(io.out()).toContain("1 cut at the beginning");
});

test("--json names figures as the harness does; perplexity stands beside them", async () => {
  const io = fakeIo();
  expect(await runCli([...TASKS, "--text", "t", "--json"], io, engine)).toBe(0);
  const { tasks, ...perplexity } = JSON.parse(io.out()) as Record<string, unknown>;
  expect(perplexity).toEqual(EVALUATED);
  expect(tasks).toEqual({
    harness: RESULT.harness,
    fewShot: 0,
    model: RESULT.model,
    tokenizer: RESULT.tokenizer,
    requests: 4,
    truncated: 1,
    device: "wasm",
    seconds: 61,
    results: {
      piqa: {
        version: "1.0",
        items: 1838,
        acc: 0.78237,
        acc_stderr: 0.00962,
        acc_norm: 0.79,
        acc_norm_stderr: 0.0095,
        acc_bytes: 0.79,
        acc_bytes_stderr: 0.0095,
        files: [file],
      },
      winogrande: { version: "1.0", items: 1, acc: 1, acc_stderr: null, files: [] },
    },
  });
});

test("--log-samples: one object a line, nothing after a failure, a bad place at once", async () => {
  const log = join(folder, "samples.jsonl");
  await runCli([...TASKS, "--log-samples", log], fakeIo(), engine);
  const lines = (await readFile(log, "utf8")).trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(RESULT.samples);

  const failing = fakeEngine({ evaluateTasks: () => Promise.reject(new Error("broken")) });
  expect(await runCli([...TASKS, "--log-samples", log], fakeIo(), failing)).toBe(1);
  expect(await readdir(folder)).toEqual([]);

  const nowhere = join(folder, "none", "samples.jsonl");
  const io = fakeIo();
  expect(await runCli([...TASKS, "--log-samples", nowhere], io, fakeEngine({}))).not.toBe(0);
  expect(io.err()).toContain(nowhere);
});
