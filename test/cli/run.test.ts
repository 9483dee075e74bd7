/** Whole commands with an engine that obeys the test. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { runCli } from "../../daemon/cli/index.ts";
import { coded } from "../../daemon/errors.ts";
import { defaultLearningRate } from "../../daemon/method/index.ts";
import { DEFAULTS } from "../../daemon/pipeline/recipe.ts";
import { runFilePath, workPath } from "../../daemon/runFiles.ts";
import { patternName } from "../../daemon/vocabulary.ts";
import { CONTROL, EVALUATED, EVENTS, fakeEngine, fakeIo, PLAN, RESULT } from "./harness.ts";

const PRUNE = ["prune", "/models/tiny", "--out", "/models/tiny-2-4"];

describe("usage", () => {
  test.each([
    [[]],
    [["prun", "x"]],
    [["prune"]],
    [["prune", "x"]],
    [["prune", "x", "y", "--out", "o"]],
    [["prune", "x", "--out", "o", "--nonsense"]],
    [["prune", "x", "--out", "o", "--steps"]],
    [["prune", "x", "--out", "o", "--steps", "many"]],
    [["eval", "x"]],
    [["inspect"]],
    [["devices", "extra"]],
  ])("%j is refused with 2 and leaves stdout alone", async (argv) => {
    const io = fakeIo();
    expect(await runCli(argv, io, fakeEngine({}))).toBe(2);
    expect(io.out()).toBe("");
    expect(io.err()).toMatch(/^error: .+\[cli\/[\w-]+\]$/m);
  });

  test("near misses are named", async () => {
    const io = fakeIo();
    await runCli(["prune", "x", "--out", "o", "--sparsty", "2:4"], io, fakeEngine({}));
    expect(io.err()).toContain("--sparsity");
  });

  test.each([[["--help"]], [["prune", "--help"]], [["help", "eval"]], [["--version"]]])(
    "%j is no failure",
    async (argv) => {
      const io = fakeIo();
      expect(await runCli(argv, io, fakeEngine({}))).toBe(0);
      expect(io.err()).toBe("");
      expect(io.out()).not.toMatch(CONTROL);
    },
  );

  test("help names the pipeline's defaults", async () => {
    const io = fakeIo();
    await runCli(["prune", "--help"], io, fakeEngine({}));
    const help = io.out().replaceAll(/\s+/g, " ");
    for (const value of [
      DEFAULTS.method,
      patternName(DEFAULTS.pattern),
      DEFAULTS.rotation.kind,
      DEFAULTS.objective,
      DEFAULTS.damping,
      DEFAULTS.blockSize,
      DEFAULTS.samples,
      DEFAULTS.sampling,
      DEFAULTS.seed,
      DEFAULTS.dtype,
    ]) {
      expect(help).toContain(`(default ${value})`);
    }
    expect(help).toContain(`(default ${DEFAULTS.seqLen},`);
    expect(help).toContain(
      `default ${DEFAULTS.steps["pruned-mass"]} for pruned-mass, ${DEFAULTS.steps.entropy} for entropy`,
    );
    expect(help).toContain(`default ${defaultLearningRate(1)} / √hidden size`);
    expect(help).toContain(`(default ${DEFAULTS.maxShardBytes / 1e9}GB)`);
  });
});

describe("errors", () => {
  const failing = (error: Error) => fakeEngine({ prune: () => Promise.reject(error) });

  test.each([
    ["input", 2],
    ["usage", 2],
    ["failed", 1],
    ["cancelled", 130],
  ] as const)("a failure of kind %s ends with %i", async (kind, code) => {
    const io = fakeIo();
    const error = coded("room", kind)("what", "It broke: mend it.");
    expect(await runCli(PRUNE, io, failing(error))).toBe(code);
    expect(io.err()).toContain("It broke: mend it. [room/what]");
    expect(io.err()).not.toContain("    at ");
  });

  test("an unforeseen one is called internal and shows its stack only when asked", async () => {
    const quiet = fakeIo();
    expect(await runCli(PRUNE, quiet, failing(new TypeError("x is not a function")))).toBe(1);
    expect(quiet.err()).toContain("internal error: TypeError: x is not a function");
    expect(quiet.err()).toContain("DENOISE_ROTATOR_DEBUG=1");
    expect(quiet.err()).not.toContain("    at ");
    const loud = fakeIo(null, { DENOISE_ROTATOR_DEBUG: "1" });
    const cause = new Error("deeper");
    await runCli(PRUNE, loud, failing(new Error("outer", { cause })));
    expect(loud.err()).toContain("    at ");
    expect(loud.err()).toContain("caused by Error: deeper");
  });

  test("with --json there is one object on stdout even so", async () => {
    const io = fakeIo();
    const error = coded("room", "input")("what", "It broke.");
    expect(await runCli([...PRUNE, "--json"], io, failing(error))).toBe(2);
    expect(JSON.parse(io.out())).toEqual({ error: { code: "room/what", message: "It broke." } });
  });
});

describe("prune", () => {
  const engine = fakeEngine({
    prune: (_options, listener) => {
      for (const event of EVENTS) listener(event);
      return Promise.resolve(RESULT);
    },
  });

  test("passes its options on", async () => {
    let seen: unknown;
    const watching = fakeEngine({
      prune: (options) => {
        seen = options;
        return Promise.resolve(RESULT);
      },
    });
    const argv = [
      ...PRUNE,
      "--sparsity",
      "4:8",
      "--calibration",
      "a.txt",
      "b.jsonl.gz",
      "--resume",
    ];
    expect(await runCli(argv, fakeIo(), watching)).toBe(0);
    expect(seen).toEqual({
      checkpoint: "/models/tiny",
      out: "/models/tiny-2-4",
      pattern: { kind: "nm", keep: 4, of: 8 },
      calibration: ["a.txt", "b.jsonl.gz"],
      resume: true,
    });
  });

  test("in a pipe: plain lines, one for every stage of every layer", async () => {
    const io = fakeIo();
    expect(await runCli(PRUNE, io, engine)).toBe(0);
    expect(io.out()).not.toMatch(CONTROL);
    expect(io.out()).toMatchInlineSnapshot(`
      "  device  wasm with OpenBLAS
                no webgpu

        /models/tiny → /models/tiny-2-4

        model        llama, 2 layers, 260 K parameters
        prune        Wanda, 2:4 (keeps 2 of every 4)
        rotation     one a layer, 4 steps on pruned mass, learning rate 0.1
        calibration  8 windows of 64 tokens, random (seed 3)
        memory       252 MB: 1.5 MB for the computation, 250 MB beside it
        disk         1.24 MB for the output, 9.7 MB more while it runs (78 GB free)
        time         about 1 min 40 s

        • The output is a dense file with zeros.

        0 %  embed, about 1 min 40 s left
       10 %  layer 1/2  collect, about 0.0 s left
       20 %  layer 1/2  rotate, about 0.0 s left
             layer 1: rotation learned, loss 20.57 (pruned mass)
       40 %  layer 1/2  prune, about 0.0 s left
        ! layer 1, down: damping raised from 0.01 to 0.1
        ✓ layer 1/2  entropy    2,796 →    2,108  pruned mass  12.54 % →   3.40 %  zeros 50.00 %
       90 %  write, about 0.0 s left

        perplexity
        dense             4.000
        pruned            40.00  × 10.00
        rotated + pruned  10.00   × 2.50
        12,750 tokens in 50 windows of 256, text abcdef012345

        zeros       50.00 % of 1.79 K weights (896)
        size        1.24 MB on disk, zeros written out; a packed form would take 900 KB
        boundaries  4.1 K extra parameters between layers (--rotation global has none)
        self-test   logits differ by at most 2.1e-6 after the rotation (allowed 1.0e-4)
        time        1 min 43 s: embed 0.5 s, rotate 1 min 40 s, write 2.0 s
        output      /models/tiny-2-4

        ! layer 2, down: damping raised from 0.01 to 0.1

      "
    `);
    expect(io.err()).toBe("");
  });

  test("on a terminal: at the end nothing is left of the moving lines", async () => {
    const io = fakeIo({ columns: 100, rows: 40 });
    const slow = fakeEngine({
      prune: (_options, listener) => {
        for (const event of EVENTS) {
          io.advance(1);
          listener(event);
        }
        return Promise.resolve(RESULT);
      },
    });
    expect(await runCli(PRUNE, io, slow)).toBe(0);
    expect(io.out()).toContain("whole run");
    expect(io.out()).toContain("step 3 of 4");
    const screen = shown(io.out());
    expect(screen).not.toContain("whole run");
    expect(screen).toContain("✓ layer 1/2");
    expect(screen).toContain("rotated + pruned");
  });

  test("--json: one object, and progress for people on stderr", async () => {
    const io = fakeIo();
    expect(await runCli([...PRUNE, "--json"], io, engine)).toBe(0);
    const object = JSON.parse(io.out()) as Record<string, unknown>;
    expect(object).toMatchObject({
      output: "/models/tiny-2-4",
      perplexity: RESULT.report.perplexity,
      fallbacks: RESULT.report.fallbacks,
      seconds: RESULT.seconds,
      total: { zeros: 896 },
    });
    expect(object).toHaveProperty("layers[1].matrices.down", {
      shape: [8, 16],
      zeros: 64,
      sparsity: 0.5,
      entropy: { before: 50, after: 40 },
      prunedMass: { before: 0.25, after: 0.0625 },
    });
    expect(object).toHaveProperty("layers[0].entropy", { before: 2796, after: 2108 });
    expect(io.out()).not.toContain("overview");
    expect(io.err()).toContain("layer 1/2");
  });

  test("--dry-run shows what every tensor becomes and runs nothing", async () => {
    const planning = fakeEngine({ planPrune: () => Promise.resolve(PLAN) });
    const io = fakeIo();
    expect(await runCli([...PRUNE, "--dry-run"], io, planning)).toBe(0);
    expect(io.out()).toMatch(
      /model\.layers\.\{0–1\}\.mlp\.up_proj\.weight +2 +BF16 +172 × 64 +11,008 +rotated and pruned/,
    );
    const json = fakeIo();
    await runCli([...PRUNE, "--dry-run", "--json"], json, planning);
    expect(JSON.parse(json.out())).toEqual(PLAN);
  });

  test("--dry-run of what cannot run shows the whole plan and what is short, and ends with 2", async () => {
    const short = { code: "pipeline/not-enough-disk", needed: 9e10, available: 7.8e10 };
    const message = "The run needs 90 GB on the disk, 12 GB too little.";
    const plan = { ...PLAN, shortages: [{ ...short, message }] };
    const planning = fakeEngine({ planPrune: () => Promise.resolve(plan) });
    const io = fakeIo();
    expect(await runCli([...PRUNE, "--dry-run"], io, planning)).toBe(2);
    expect(io.out()).toContain("mlp.up_proj.weight");
    expect(io.out()).toContain(`✗ ${message}`);
    expect(io.err()).toBe("");
    const json = fakeIo();
    expect(await runCli([...PRUNE, "--dry-run", "--json"], json, planning)).toBe(2);
    expect(JSON.parse(json.out())).toEqual(plan);
    expect(json.err()).toContain(message);
  });
});

describe("interrupts", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "cli-run-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** Works until it is told to stop, and `deaf` work even then. */
  function working(deaf: boolean) {
    let started: () => void;
    const running = new Promise<void>((resolve) => (started = resolve));
    const engine = fakeEngine({
      prune: (_options, _listener, signal) =>
        new Promise((_resolve, reject) => {
          started();
          if (!deaf) {
            signal.addEventListener("abort", () => {
              reject(coded("pipeline", "cancelled")("cancelled", "Cancelled."));
            });
          }
        }),
    });
    return { engine, running };
  }

  test("the first asks the work to stop, ends with 130 and says how to go on", async () => {
    const out = join(folder, "out");
    await mkdir(workPath(out), { recursive: true });
    await writeFile(runFilePath(workPath(out)), "{}");
    const io = fakeIo();
    const { engine, running } = working(false);
    const argv = ["prune", "/models/tiny", "--out", out, "--calibration", "my text.txt"];
    const code = runCli(argv, io, engine);
    await running;
    io.interrupt();
    expect(await code).toBe(130);
    expect(io.exits).toEqual([]);
    expect(io.out()).toContain(
      `denoise-rotator prune /models/tiny --out ${out} --calibration 'my text.txt' --resume`,
    );
  });

  test("before a run has left anything it is not said that it can be resumed", async () => {
    const io = fakeIo();
    const { engine, running } = working(false);
    const code = runCli(["prune", "/models/tiny", "--out", join(folder, "out")], io, engine);
    await running;
    io.interrupt();
    expect(await code).toBe(130);
    expect(io.out()).toContain("Stopping");
    expect(io.out()).not.toContain("--resume");
  });

  test("the second does not ask", async () => {
    const io = fakeIo();
    const { engine, running } = working(true);
    void runCli(PRUNE, io, engine);
    await running;
    io.interrupt();
    expect(io.exits).toEqual([]);
    io.interrupt();
    expect(io.exits).toEqual([130]);
  });

  test("work that does not stop is ended within two seconds", async () => {
    const io = fakeIo();
    const { engine, running } = working(true);
    void runCli(PRUNE, io, engine);
    await running;
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    io.interrupt();
    expect(io.exits).toEqual([]);
    await vi.advanceTimersByTimeAsync(2000);
    expect(io.exits).toEqual([130]);
  });
});

describe("eval", () => {
  const engine = fakeEngine({ evaluate: () => Promise.resolve(EVALUATED) });

  test("--json is the result itself", async () => {
    const io = fakeIo();
    expect(await runCli(["eval", "m", "--text", "t", "--json"], io, engine)).toBe(0);
    expect(JSON.parse(io.out())).toEqual(EVALUATED);
  });

  test("for people", async () => {
    const io = fakeIo();
    await runCli(["eval", "m", "--text", "t"], io, engine);
    expect(io.out()).toMatch(/perplexity +4\.107/);
    expect(io.out()).toContain("12,750 tokens in 50 windows of 256");
  });
});

test("devices: what is there, what is missing, how to get it", async () => {
  const devices = [
    {
      device: "webgpu",
      available: false,
      automatic: false,
      detail: "any GPU",
      missing: "no Vulkan loader",
      remedy: "sudo apt install libvulkan1",
    },
    { device: "wasm", available: true, automatic: true, detail: "SIMD, OpenBLAS" },
  ] as const;
  const engine = fakeEngine({ listDevices: () => Promise.resolve(devices) });
  const io = fakeIo();
  expect(await runCli(["devices"], io, engine)).toBe(0);
  expect(io.out()).toMatch(
    /webgpu +– not here +any GPU\n +missing +no Vulkan loader\n +to get it +sudo apt/,
  );
  expect(io.out()).toMatch(/wasm +✓ auto takes it/);
  const json = fakeIo();
  await runCli(["devices", "--json"], json, engine);
  expect(JSON.parse(json.out())).toEqual({ devices });
});

/** What a terminal shows after `output`: enough of one for cursor-up and erase-line. */
function shown(output: string): string {
  const lines = [""];
  let row = 0;
  // eslint-disable-next-line no-control-regex -- terminal sequences
  for (const [part, , command] of output.matchAll(/\u001b\[([\d;?]*)([A-Za-z])|\n|[^\u001b\n]+/g)) {
    if (part === "\n") lines[++row] ??= "";
    else if (command === undefined) lines[row] = `${lines[row] ?? ""}${part}`;
    else if (command === "A") row = Math.max(0, row - 1);
    else if (command === "K") lines[row] = "";
  }
  return lines.join("\n");
}
