/** The engine's texts in the editor's words: no flag of the command line gets out. */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import {
  detailWords,
  editorWords,
  jobWords,
  updateWords,
  withNotes,
} from "../../daemon/session/words.ts";
import type { JobDetail, JobInfo } from "../../daemon/protocol.ts";

/** Rooms whose texts go to the command line only. */
const ELSEWHERE = /^(cli|hub|instance)\//;

/** Lines of the engine with a flag in a text, without comments. */
function textsWithFlags(): string[] {
  const daemon = resolve("daemon");
  return readdirSync(daemon, { recursive: true, encoding: "utf8" })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => file.endsWith(".ts") && !ELSEWHERE.test(file))
    .filter((file) => /(^|\/)(errors|recipe|planning|ppl|perplexity)\.ts$/.test(file))
    .flatMap((file) => readFileSync(join(daemon, file), "utf8").split("\n"))
    .filter((line) => /--[a-z]/.test(line) && !/^\s*(\*|\/\*|\/\/)/.test(line));
}

/** Commands of other programs are named as they are typed. */
const withoutCommands = (line: string): string => line.replaceAll(/\\`[^`]*\\`|--ulimit/g, "");

test("no flag of the engine's texts is left", () => {
  const texts = textsWithFlags();
  expect(texts.length).toBeGreaterThan(30);
  const left = texts.map(editorWords).filter((line) => /--[a-z]/.test(withoutCommands(line)));
  expect(left).toEqual([]);
});

test.each([
  ["--seq-len: 1 is below 2", "seqLen: 1 is below 2"],
  ["try --device wasm, which", "try device “wasm”, which"],
  [
    "trust_remote_code=True. --rotation global needs none",
    "trust_remote_code=True. Rotation “global” needs none",
  ],
  [
    "Choose an --out on another disk, or fewer --samples.",
    "Choose an output folder on another disk, or fewer calibration windows.",
  ],
  ["`pip install --upgrade x`", "`pip install --upgrade x`"],
  ["/data/a--steps-b/model", "/data/a--steps-b/model"],
])("%s → %s", (text, words) => {
  expect(editorWords(text)).toBe(words);
});

test("errors, notes and plans of a job are told in these words", () => {
  const notes = ["--rotation global"];
  const error = { code: "a/b", kind: "failed", message: "Run again with --resume." } as const;
  const job = { error, title: "t" } as JobInfo;
  const plan = { notes } as unknown as NonNullable<JobDetail["plan"]>;
  const detail = { job, plan, notes } as unknown as JobDetail;
  const told = [
    jobWords(job),
    withNotes(plan),
    detailWords(detail),
    updateWords({ type: "note", text: "--steps" }),
    updateWords({ type: "plan", plan }),
  ];
  expect(JSON.stringify(told)).not.toMatch(/--[a-z]/);
  expect(jobWords(job).error?.message).toBe("Resume the run.");
});
