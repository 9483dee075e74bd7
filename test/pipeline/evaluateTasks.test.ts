/** The whole job on a tiny model whose tokens are characters, so that the test can encode by itself. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openCheckpoint } from "../../daemon/checkpoint/index.ts";
import { openModel } from "../../daemon/model/index.ts";
import {
  evaluateTasks,
  silent,
  type EvaluateTasksOptions,
  type RunEvent,
} from "../../daemon/pipeline/index.ts";
import { readReference } from "../support/readReference.ts";
import { referenceLogits, type ReferenceModel } from "../support/reference.ts";
import { TINY_SHAPE, writeTinyModel } from "../support/tinyModel.ts";
import { useRuns } from "./useRuns.ts";

/** `max_position_embeddings` of the tiny model. */
const CONTEXT = 64;
const LETTERS = "abcdefghijklmnopqrstuvwxyz .\n";
/** `<unk>` is 0, `<s>` is 1, the letters follow. */
const idOf = (letter: string) => (LETTERS.includes(letter) ? LETTERS.indexOf(letter) + 2 : 0);
const encode = (text: string) => [1, ...Array.from(text, idOf)];

const winogrande = [
  ["the cat saw the dog and _ ran off.", "the cat", "the dog", "1"],
  ["a hat on a mat is _ flat.", "mat", "hat", "2"],
  ["it was a long and winding road that led all the way to _ and then to the sea.", "a", "be", "2"],
].map(([sentence = "", option1, option2, answer]) => ({ sentence, option1, option2, answer }));
const piqa = [
  { goal: "melt ice.", sol1: "warm it", sol2: "cool it down", label: 0 },
  { goal: "dry a mat.", sol1: "wet it.", sol2: "hang it", label: 1 },
];

let folder: string;
let options: EvaluateTasksOptions;
let reference: ReferenceModel;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tasks-"));
  const checkpoint = await writeTinyModel(folder);
  const lines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  await writeFile(join(folder, "winogrande.jsonl"), lines(winogrande));
  await writeFile(join(folder, "piqa.valid.jsonl"), lines(piqa));
  options = { checkpoint, tasks: ["piqa", "winogrande"], taskData: folder, device: "wasm" };
  const opened = await openCheckpoint(checkpoint);
  const angle = (t: number, i: number) => t / 10000 ** ((2 * i) / TINY_SHAPE.headDim);
  reference = await readReference(opened, openModel(opened).config, angle);
  await opened.close();
});
afterAll(() => rm(folder, { recursive: true }));

const { signal } = new AbortController();

/** log P(continuation | context), with what does not fit cut from the left. */
function expected(context: string, continuation: string): number {
  const ids = encode(context + continuation).slice(-(CONTEXT + 1));
  const first = ids.length - continuation.length;
  const rows = referenceLogits(reference, ids.slice(0, -1));
  return ids.slice(first).reduce((sum, id, j) => {
    const row = rows[first - 1 + j] ?? new Float64Array();
    return sum + (row[id] ?? NaN) - Math.log(row.reduce((s, v) => s + Math.exp(v), 0));
  }, 0);
}

test("log-likelihoods are the float64 reference's, accuracies follow from them", async () => {
  const events: RunEvent[] = [];
  const result = await evaluateTasks(options, (event) => events.push(event), signal);
  const answers = [
    ...piqa.map(({ goal, sol1, sol2, label }) => ({
      gold: label,
      lengths: [sol1.length, sol2.length],
      scores: [sol1, sol2].map((s) => expected(`Question: ${goal}\nAnswer:`, ` ${s}`)),
    })),
    ...winogrande.map(({ sentence, option1 = "", option2 = "", answer }) => {
      const [before = "", after = ""] = sentence.split("_");
      return {
        gold: Number(answer) - 1,
        lengths: [1, 1],
        scores: [option1, option2].map((option) => expected(before + option, after)),
      };
    }),
  ];
  for (const [i, { scores, gold }] of answers.entries()) {
    expect(result.samples[i]?.gold).toBe(gold);
    for (const [j, score] of scores.entries()) {
      expect(result.samples[i]?.logLikelihoods[j]).toBeCloseTo(score, 3);
    }
  }
  const share = (some: typeof answers, normalised: boolean) => {
    const right = some.filter(({ scores: [a = 0, b = 0], lengths: [m = 1, n = 1], gold }) => {
      const first = normalised ? a / m >= b / n : a >= b;
      return first === (gold === 0);
    });
    return right.length / some.length;
  };
  const [first, second] = result.tasks;
  expect(first?.figures.acc?.value).toBe(share(answers.slice(0, 2), false));
  expect(first?.figures.acc_norm?.value).toBe(share(answers.slice(0, 2), true));
  expect(second?.figures.acc?.value).toBe(share(answers.slice(2), false));
  expect(Object.keys(second?.figures ?? {})).toEqual(["acc"]);
  expect([first?.items, second?.items, result.requests]).toEqual([2, 3, 10]);
  // Both continuations of the long sentence.
  expect(result.truncated).toBe(2);
  expect(events).toContainEqual(expect.objectContaining({ type: "note" }));
  expect(events.at(-1)).toMatchObject({ type: "progress", stage: "evaluate", fraction: 1 });
  expect(result.harness).toMatch(/^lm-evaluation-harness \d+\.\d+\.\d+$/);
  expect(result.model).toMatchObject({ modelType: "llama", maxLength: CONTEXT });
  expect(result.tokenizer.prefix).toEqual([1]);
});

test("--limit takes the first items, one task alone its own file", async () => {
  const taskData = join(folder, "winogrande.jsonl");
  const limited = { ...options, tasks: ["winogrande"] as const, taskData, limit: 1 };
  const result = await evaluateTasks(limited, silent, signal);
  expect(result.samples.map(({ task, item }) => [task, item])).toEqual([["winogrande", 0]]);
  expect(result.tasks[0]?.figures.acc?.stderr).toBeNull();
});

test("bad rows and cancels end with their codes", async () => {
  const file = join(folder, "bad.jsonl");
  await writeFile(file, JSON.stringify({ ...piqa[0], label: "x" }));
  const bad = evaluateTasks({ ...options, tasks: ["piqa"], taskData: file }, silent, signal);
  await expect(bad).rejects.toMatchObject({ code: "tasks/bad-row" });
  const controller = new AbortController();
  const stopped = evaluateTasks(
    options,
    (event) => {
      if (event.type === "progress") controller.abort();
    },
    controller.signal,
  );
  await expect(stopped).rejects.toMatchObject({ code: "pipeline/cancelled" });
});

describe("the accuracies of a run", () => {
  const runs = useRuns();

  test("are measured without a baseline where none is wanted, and need data", async () => {
    const tasks = { tasks: ["piqa"], taskData: folder, baseline: false } as const;
    const asked = await runs.options({}, { tasks });
    const { report } = await runs.run(asked);
    expect(report.tasks?.rows.map((row) => row.label)).toEqual(["dense", "rotated + pruned"]);
    const none = { ...asked, out: `${runs.folder}/two`, tasks: { tasks: ["piqa"] as const } };
    await expect(runs.run(none)).rejects.toMatchObject({ code: "pipeline/no-task-data" });
  });

  // Last: an evaluation opens and closes a device of its own, and there is one in a process.
  test("stand in its report: dense, unrotated and rotated, as `eval` measures them", async () => {
    const asked = await runs.options({}, { tasks: { tasks: ["piqa"], taskData: folder } });
    const { output, report } = await runs.run(asked);
    const rows = report.tasks?.rows ?? [];
    expect(rows.map((row) => row.label)).toEqual(["dense", "pruned", "rotated + pruned"]);
    expect(report.tasks?.harness).toMatch(/^lm-evaluation-harness \d/);
    for (const [label, checkpoint] of [
      ["dense", asked.checkpoint],
      ["rotated + pruned", output],
    ] as const) {
      const own = { checkpoint, tasks: ["piqa"], taskData: folder, device: "wasm" } as const;
      const { tasks } = await evaluateTasks(own, silent, signal);
      const { task, version, items, figures, files } = tasks[0] ?? {};
      expect(rows.find((row) => row.label === label)).toEqual({
        label,
        task,
        version,
        items,
        figures,
        dataSha256: files?.map(({ sha256 }) => sha256),
      });
    }
  });
});
