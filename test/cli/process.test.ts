/** The built command as a person's shell runs it. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CONTROL } from "./harness.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const cli = join(root, "dist", "cli.js");
const model = join(root, "..", "shared", "data", "stories260K");
const texts = join(root, "..", "shared", "data", "text");
const calibration = join(texts, "tinystories.train-excerpt.txt");
const evaluation = join(texts, "tinystories.valid-excerpt.txt");

const built = existsSync(cli);
const data = existsSync(model);
const PATIENCE = 120_000;

let work: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "denoise-cli-"));
});
afterAll(() => rm(work, { recursive: true }));

const run = (...argv: string[]) =>
  spawnSync(process.execPath, [cli, ...argv], { cwd: work, encoding: "utf8", timeout: PATIENCE });

describe.skipIf(!built)(`dist/cli.js${built ? "" : " (not built: npm run build)"}`, () => {
  test("--version is the package's, on stdout alone", () => {
    const { stdout, stderr, status } = run("--version");
    expect([stdout, stderr, status]).toEqual([expect.stringMatching(/^\d+\.\d+\.\d+\n$/), "", 0]);
  });

  test("bad usage is 2, a missing checkpoint is 2", () => {
    expect(run("prune", "x").status).toBe(2);
    const missing = run("inspect", "nowhere");
    expect([missing.status, missing.stdout]).toEqual([2, ""]);
    expect(missing.stderr).toContain("[checkpoint/not-found]");
  });

  test("devices --json is one object with wasm in it", () => {
    const { stdout, status } = run("devices", "--json");
    expect(status).toBe(0);
    const { devices } = JSON.parse(stdout) as { devices: { device: string; available: boolean }[] };
    expect(devices).toContainEqual(expect.objectContaining({ device: "wasm", available: true }));
  });

  test("a reader that leaves early ends it quietly", () => {
    const { stderr } = spawnSync(
      "sh",
      ["-c", `"$0" "$1" prune --help | true`, process.execPath, cli],
      {
        encoding: "utf8",
      },
    );
    expect(stderr).toBe("");
  });
});

const prune = (out: string, ...more: string[]) => [
  "prune",
  model,
  "--out",
  out,
  "--calibration",
  calibration,
  ...["--samples", "8", "--seq-len", "128", "--steps", "10", "--device", "wasm"],
  ...more,
];

describe.skipIf(!built || !data)(
  `on stories260K${data ? "" : " (../shared/data is not here)"}`,
  () => {
    test("prune, then inspect and eval what it wrote", { timeout: PATIENCE }, () => {
      const evaluating = ["--text", evaluation, "--eval-seq-len", "128", "--eval-windows", "4"];
      const pruned = run(...prune("out", "--sparsity", "2:4", "--json", ...evaluating));
      expect(pruned.status, pruned.stderr).toBe(0);
      expect(pruned.stderr).not.toMatch(CONTROL);
      const result = JSON.parse(pruned.stdout) as {
        output: string;
        total: { sparsity: number };
        layers: { matrices: Record<string, { sparsity: number }> }[];
        perplexity: { label: string; perplexity: number }[];
      };
      expect(result.total.sparsity).toBe(0.5);
      expect(result.layers).toHaveLength(5);
      for (const { matrices } of result.layers) {
        expect(Object.values(matrices).map(({ sparsity }) => sparsity)).toEqual(
          Array.from({ length: 7 }, () => 0.5),
        );
      }
      expect(result.perplexity.map(({ label }) => label)).toEqual([
        "dense",
        "pruned",
        "rotated + pruned",
      ]);

      const inspected = run("inspect", "out", "--json");
      const { tensors } = JSON.parse(inspected.stdout) as {
        tensors: { name: string; zeros: number; pattern: string | null }[];
      };
      const projections = tensors.filter(({ name }) => name.includes("_proj."));
      expect(projections).toHaveLength(35);
      for (const { zeros, pattern } of projections) expect([zeros, pattern]).toEqual([0.5, "2:4"]);

      const windows = ["--seq-len", "128", "--max-windows", "4"];
      const evaluated = run("eval", "out", "--text", evaluation, ...windows, "--json");
      expect(evaluated.status, evaluated.stderr).toBe(0);
      const again = JSON.parse(evaluated.stdout) as Record<string, number>;
      expect(Object.keys(again).sort()).toEqual(
        ["device", "perplexity", "seconds", "seqLen", "textSha256", "tokens", "windows"].sort(),
      );
      expect(again.tokens).toBe(4 * 127);
      const rotated = result.perplexity.at(-1)?.perplexity ?? NaN;
      expect(Math.abs(Math.log(Number(again.perplexity) / rotated))).toBeLessThan(1e-3);
    });

    test(
      "an output that is there is refused, nothing of it lost",
      { timeout: PATIENCE },
      async () => {
        const before = await readdir(join(work, "out"));
        const again = run(...prune("out"));
        expect(again.status).toBe(2);
        expect(await readdir(join(work, "out"))).toEqual(before);
      },
    );

    test("--dry-run writes nothing", { timeout: PATIENCE }, () => {
      const planned = run(...prune("planned", "--dry-run", "--json"));
      expect(planned.status, planned.stderr).toBe(0);
      expect(JSON.parse(planned.stdout)).toMatchObject({ layers: 5, modelType: "llama" });
      expect(existsSync(join(work, "planned"))).toBe(false);
      expect(existsSync(join(work, ".denoise-rotator"))).toBe(false);
    });

    test("Ctrl-C ends it with 130, and --resume finishes it", { timeout: PATIENCE }, async () => {
      const argv = prune("stopped", "--steps", "100");
      const stopped = await interruptedAt(argv, "layer 2/5  rotate");
      expect(stopped.code).toBe(130);
      expect(stopped.stdout).toContain("--resume");
      expect(existsSync(join(work, "stopped"))).toBe(false);
      const resumed = run(...argv, "--resume");
      expect(resumed.status, resumed.stderr).toBe(0);
      expect(resumed.stdout).toMatch(/[1-5] finished layers? found/);
      expect(existsSync(join(work, "stopped", "model.safetensors"))).toBe(true);
    });
  },
);

/** Sends SIGINT as soon as `text` was printed. */
function interruptedAt(argv: string[], text: string) {
  return new Promise<{ code: number | null; stdout: string }>((resolve, reject) => {
    const child = spawn(process.execPath, [cli, ...argv], { cwd: work });
    let stdout = "";
    let sent = false;
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      stdout += chunk;
      if (!sent && stdout.includes(text)) sent = child.kill("SIGINT");
    });
    child.on("error", reject);
    child.on("close", (code) => {
      resolve({ code, stdout });
    });
  });
}
