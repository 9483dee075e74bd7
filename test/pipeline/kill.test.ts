/** A real process, really killed: SIGKILL at many moments, `--resume`, and the same bytes in the end. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeTinyModel, writeTinyText } from "../support/tinyModel.ts";
import { contents } from "./useRuns.ts";

const CLI = join(import.meta.dirname, "../../dist/cli.js");

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kill-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/**
 * Runs the command line and kills it once `patience` lines of output have come, or lets it end.
 * @returns exit code; null if it was killed
 */
function prune(out: string, more: readonly string[], patience = Infinity): Promise<number | null> {
  const text = join(folder, "text.txt");
  const options = ["--calibration", text, "--text", text, "--samples", "6", "--seq-len", "24"];
  const evaluation = ["--eval-seq-len", "24", "--eval-windows", "4", "--steps", "12"];
  const child = spawn(
    process.execPath,
    [CLI, "prune", join(folder, "model"), "--out", out, ...options, ...evaluation, ...more],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let seen = 0;
  const count = (some: Buffer) => {
    seen += some.toString().split("\n").length - 1;
    if (seen >= patience) child.kill("SIGKILL");
  };
  child.stdout.on("data", count);
  child.stderr.on("data", count);
  return new Promise((resolve) => child.on("close", resolve));
}

describe.skipIf(!existsSync(CLI))("a killed run (dist/cli.js must be built)", () => {
  test("resumes from the last finished layer to the same bytes", { timeout: 240_000 }, async () => {
    await writeTinyModel(folder, { layers: 3 });
    await writeTinyText(join(folder, "text.txt"));
    const whole = join(folder, "whole", "out");
    expect(await prune(whole, [])).toBe(0);

    const out = join(folder, "out");
    const work = join(folder, ".denoise-rotator", "out");
    let kills = 0;
    for (let patience = 4; !existsSync(out); patience += 4) {
      const resume = existsSync(join(work, "run.json"));
      const code = await prune(out, resume ? ["--resume"] : [], patience);
      if (code === null) kills += 1;
      else expect(code).toBe(0);
    }
    expect(kills).toBeGreaterThan(2);
    expect(await contents(out)).toEqual(await contents(whole));
    expect(existsSync(join(folder, ".denoise-rotator"))).toBe(false);
  });
});
