/** The engine's errors are written once, and worded for the terminal and for the editor. */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import * as backend from "../../daemon/backend/errors.ts";
import { DenoiseError } from "../../daemon/errors.ts";
import { infoOf, received, sendable } from "../../daemon/jobs/errors.ts";
import * as method from "../../daemon/method/errors.ts";
import * as pipeline from "../../daemon/pipeline/errors.ts";
import { recipeSchema } from "../../daemon/recipe/schema.ts";
import * as tasks from "../../daemon/tasks/errors.ts";
import { editorWords, inWords, label, option, terminalWords, text } from "../../daemon/wording.ts";

/** Rooms whose texts go to the command line only; of the hub, what `download` says of its folder and token. */
const TERMINAL = /^(cli|instance)\//;
const DOWNLOAD = /--(out|token)\b/;

test("no text of the engine names a flag by itself", () => {
  const daemon = resolve("daemon");
  const flags = readdirSync(daemon, { recursive: true, encoding: "utf8" })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => /(^|\/)(errors|\w*Errors|recipe|planning|taskData)\.ts$/.test(file))
    .filter((file) => !TERMINAL.test(file))
    .flatMap((file) =>
      readFileSync(join(daemon, file), "utf8")
        .split("\n")
        .filter((line) => !/^\s*(\*|\/\*|\/\/)/.test(line))
        .filter((line) => !(file === "hub/errors.ts" && DOWNLOAD.test(line)))
        // Commands of other programs are named as they are typed.
        .filter((line) => /--[a-z]/.test(line.replaceAll(/\\`[^`]*\\`/g, "")))
        .map((line) => `${file}: ${line.trim()}`),
    );
  expect(flags).toEqual([]);
});

test("every option that can be mentioned is a key of the recipe", () => {
  const words = readFileSync(resolve("daemon/wording.ts"), "utf8");
  const [, table = ""] = /const OPTIONS = \{([^}]*)\}/.exec(words) ?? [];
  const names = [...table.matchAll(/^ {2}"?([\w.]+)"?:/gm)].map(([, name = ""]) => name);
  expect(names.length).toBeGreaterThan(10);
  const keys = Object.keys(recipeSchema.shape);
  expect(names.filter((name) => !keys.includes(name.split(".")[0] ?? ""))).toEqual([]);
});

describe("one text, two wordings", () => {
  test.each([
    [
      pipeline.badOption("seqLen", "1 is below 2"),
      "--seq-len: 1 is below 2.",
      "seqLen: 1 is below 2.",
    ],
    [
      pipeline.notEnoughDisk("/data", 2e9, 1e9),
      /on the disk of \/data, .* are free: 1 GB too little\. Choose an --out on another disk, or fewer --samples\.$/,
      /Choose an output folder on another disk, or fewer calibration windows\.$/,
    ],
    [
      pipeline.unfinishedRun("/w"),
      "An unfinished run for this output lies in /w. Run the same command with --resume, or delete that folder to " +
        "start over.",
      "An unfinished run for this output lies in /w. Resume the run, or delete that folder to start over.",
    ],
    [
      pipeline.noCalibration("/m"),
      /give one with --calibration <file> \(plain text/,
      /give one as calibration in a recipe \(plain text/,
    ],
    [
      tasks.dataAmbiguous("piqa", ["a", "b"]),
      /with --task-data <file>\.$/,
      /as tasks\.data in a recipe\.$/,
    ],
    [
      method.lossNotFinite("layer 1", 3),
      /try a smaller --learning-rate\.$/,
      /try a smaller learning rate\.$/,
    ],
    [
      backend.startFailed("cuda", new Error("no")),
      /Try another --device; `denoise-rotator devices` says which there are\.$/,
      /Try another device; “Show Devices” says which there are\.$/,
    ],
    [
      backend.deviceFailed("cuda", "lost"),
      "cuda: lost. Run the same command with --resume; if it fails again, start anew with fewer or shorter windows, or " +
        "with --device wasm.",
      "cuda: lost. Resume the run; if it fails again, start anew with fewer or shorter windows, or with device “wasm”.",
    ],
  ] as const)("%s", (error, terminal, editor) => {
    expect(error.message).toMatch(terminal);
    expect(infoOf(error).message).toMatch(editor);
    expect(infoOf(error).message).not.toMatch(/--[a-z]/);
  });

  test("mentions stand in texts within texts, and a line break of the source is a space", () => {
    const inner = text`such as ${option("sparsity", "50%")}`;
    const outer = text`${label("sparsityProfile")}: ask for a share
      ${inner}.`;
    expect(inWords(outer, terminalWords)).toBe(
      "--sparsity-profile: ask for a share such as --sparsity 50%.",
    );
    expect(inWords(outer, editorWords)).toBe(
      "sparsityProfile: ask for a share such as sparsity “50%”.",
    );
  });
});

test("an error between processes keeps its mentions, and tells clients the option it is about", () => {
  const error = pipeline.badOption("blockSize", "0 is not a whole number");
  const there = received(structuredClone(sendable(error)));
  expect(there).toBeInstanceOf(DenoiseError);
  expect(there.message).toBe(error.message);
  expect(infoOf(there)).toEqual({
    code: "pipeline/bad-option",
    kind: "usage",
    message: "blockSize: 0 is not a whole number.",
    option: "blockSize",
  });
  expect(infoOf(pipeline.unfinishedRun("/w"))).not.toHaveProperty("option");
});
