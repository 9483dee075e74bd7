/** Downloads and named texts as a person asks for them. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { beforeEach, describe, expect, test } from "vitest";
import { engine, runCli } from "../../daemon/cli/index.ts";
import { createDownloadView } from "../../daemon/cli/downloadView.ts";
import { parseDownload } from "../../daemon/cli/options.ts";
import { createScreen } from "../../daemon/cli/terminal/screen.ts";
import type { PruneOptions } from "../../daemon/pipeline/index.ts";
import { CONTROL, EVALUATED, fakeEngine, fakeIo, PLAN, RESULT } from "../cli/harness.ts";
import { content } from "./fakeHub.ts";
import { DIGESTS, FIRST, LARGE, contents, model, setUp } from "./setup.ts";

const bench = setUp();
/** The real hub room, and of everything else what the test gives. */
const hubEngine = (parts: Parameters<typeof fakeEngine>[0] = {}) =>
  fakeEngine({
    download: (...args) => engine.download(...args),
    fetchInputs: (...args) => engine.fetchInputs(...args),
    ...parts,
  });

let env: Record<string, string | undefined>;
beforeEach(() => {
  env = { ...bench().options.env, HF_ENDPOINT: bench().hub.url };
});

describe("download", () => {
  test("fetches the model and says what is next; no control characters in a pipe", async () => {
    const { hub, out } = bench();
    hub.repositories.push(model());
    const io = fakeIo(null, env);
    expect(await runCli(["download", "org/tiny", "--out", out], io, hubEngine())).toBe(0);
    expect(await contents(out)).toEqual(DIGESTS);
    expect(io.out()).toContain(FIRST);
    expect(io.out()).toMatch(/100 % .* 13 of 13 files/);
    expect(io.out()).toMatch(/denoise-rotator inspect \S+model\n/);
    expect(io.out()).not.toMatch(CONTROL);
    expect(io.err()).toBe("");
  });

  test("--json: one object on stdout, progress on stderr", async () => {
    const { hub, out } = bench();
    hub.repositories.push(model());
    const io = fakeIo(null, env);
    const argv = ["download", "org/tiny@main", "--out", out, "--json"];
    expect(await runCli(argv, io, hubEngine())).toBe(0);
    expect(JSON.parse(io.out())).toMatchObject({
      folder: out,
      repository: "org/tiny",
      revision: "main",
      commit: FIRST,
    });
    expect(io.err()).toContain("of 13 files");
  });

  test("a model that is not there: 2, coded, in --json too", async () => {
    const io = fakeIo(null, env);
    expect(await runCli(["download", "org/no", "--json"], io, hubEngine())).toBe(2);
    expect(JSON.parse(io.out())).toMatchObject({ error: { code: "hub/repository-missing" } });
    expect(io.err()).toContain("[hub/repository-missing]");
  });

  test("Ctrl-C ends it with 130, and the same command goes on", async () => {
    const { hub, out } = bench();
    hub.repositories.push(model());
    const io = fakeIo(null, env);
    hub.faults.beforeBody = (name) => {
      if (!name.endsWith(".safetensors")) return Promise.resolve();
      io.interrupt();
      return new Promise(() => undefined);
    };
    const argv = ["download", "org/tiny", "--out", out];
    expect(await runCli(argv, io, hubEngine())).toBe(130);
    expect(io.out()).toContain("what has arrived is kept");
    expect(io.exits).toEqual([]);
    hub.faults.beforeBody = () => Promise.resolve();
    expect(await runCli(argv, fakeIo(null, env), hubEngine())).toBe(0);
    expect(await contents(out)).toEqual(DIGESTS);
  });

  test("the folder is named like the model", () => {
    const out = (repository: string) => parseDownload(repository, {}).out;
    expect(out("org/Tiny-1.0@refs/pr/7")).toBe("Tiny-1.0");
    expect(out("tiny")).toBe("tiny");
  });

  test.each([40, 60, 100, 200])("the line that moves fits %i columns", (columns) => {
    const io = fakeIo({ columns, rows: 24 });
    const screen = createScreen(io.stdout, io);
    const lines: string[] = [];
    const view = createDownloadView(
      { ...screen, columns, draw: (frame) => lines.push(...frame()) },
      () => io.now(),
    );
    const all = { file: "x", fileDone: false, totalBytes: 140_123_456_789, files: 40 };
    for (const [bytes, seconds] of [
      [0, 0],
      [35_123_456_789, 9000],
      [140_123_456_789, 9000],
    ] as const) {
      io.advance(seconds);
      view.listener({ ...all, bytes, filesDone: 39 });
    }
    const shown = lines.map((line) => stripVTControlCharacters(line));
    expect(shown.every((line) => line.length < columns)).toBe(true);
    expect(shown).toHaveLength(3);
    expect(shown[1]).toContain("25 %");
  });
});

describe("named texts", () => {
  const SHARD = "c4-train.00000-of-01024.json.gz";
  const TEST = "wikitext-2-raw-v1/test-00000-of-00001.parquet";
  const cached = (...parts: string[]) => join(bench().work, "cache", "denoise-rotator", ...parts);

  beforeEach(() => {
    const common = { type: "dataset", revisions: { main: FIRST }, large: LARGE } as const;
    bench().hub.repositories.push(
      {
        ...common,
        name: "allenai/c4",
        commits: { [FIRST]: { [`en/${SHARD}`]: content("c", 900) } },
      },
      {
        ...common,
        name: "Salesforce/wikitext",
        commits: { [FIRST]: { [TEST]: content("w", 900) } },
      },
    );
  });

  test("prune gets paths for them, and what else was given as it was", async () => {
    const asked: PruneOptions[] = [];
    const prune = (options: PruneOptions) => {
      asked.push(options);
      return Promise.resolve(RESULT);
    };
    const argv = ["prune", "m", "--out", "o", "--calibration", "c4", "my.txt"];
    argv.push("--text", "wikitext2", "--eval-windows", "3");
    const io = fakeIo(null, env);
    expect(await runCli(argv, io, hubEngine({ prune }))).toBe(0);
    const text = cached("wikitext2", "test-00000-of-00001.parquet");
    expect(asked).toMatchObject([
      {
        calibration: [cached("c4", SHARD), "my.txt"],
        evaluation: { files: [text], maxWindows: 3 },
      },
    ]);
    expect(await readFile(text)).toEqual(content("w", 900));
    expect(io.out()).toContain(SHARD);
  });

  test("eval gets a path too; c4 is refused before the engine is asked", async () => {
    const asked: unknown[] = [];
    const evaluate = (options: unknown) => {
      asked.push(options);
      return Promise.resolve(EVALUATED);
    };
    const run = (text: string) =>
      runCli(["eval", "m", "--text", text, "--json"], fakeIo(null, env), hubEngine({ evaluate }));
    expect(await run("wikitext2")).toBe(0);
    expect(await run("c4")).toBe(2);
    expect(asked).toMatchObject([{ text: [cached("wikitext2", "test-00000-of-00001.parquet")] }]);
  });

  test("--dry-run fetches nothing", async () => {
    const planPrune = () => Promise.resolve(PLAN);
    const argv = ["prune", "m", "--out", "o", "--calibration", "c4", "--dry-run"];
    expect(await runCli(argv, fakeIo(null, env), hubEngine({ planPrune }))).toBe(0);
    expect(bench().hub.seen).toEqual([]);
    expect(existsSync(cached())).toBe(false);
  });

  test("without a network the error names the file and its place", async () => {
    await bench().hub.close();
    const io = fakeIo(null, env);
    const argv = ["prune", "m", "--out", "o", "--calibration", "c4"];
    expect(await runCli(argv, io, hubEngine())).toBe(1);
    expect(io.err()).toContain(cached("c4", SHARD));
    expect(io.err()).toContain("[hub/offline]");
  });
});
