/**
 * The product itself on the card: the bundled sample pruned with `--device cuda` and with `--device wasm`, the same
 * options; the perplexities side by side. Learning is chaotic, so that they differ by about what two learning rates do.
 * A run's result is written when it ends, whatever becomes of the others.
 *
 *     node engine.mjs <node> <cli.js> <checkpoint> <work folder> <result.json>
 */
import { spawn } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { performance } from "node:perf_hooks";

const [node, cli, checkpoint, work, result] = process.argv.slice(2);
const OPTIONS = ["--samples", "32", "--seq-len", "256", "--steps", "40", "--eval-windows", "40"];
const RUNS = [
  ["sparsegpt", "2:4", "pruned-mass"],
  ["wanda", "50%", "entropy"],
];

rmSync(work, { recursive: true, force: true });
mkdirSync(work, { recursive: true });

function prune(device, [method, sparsity, objective]) {
  const out = path.join(work, `${device}-${method}`);
  const what = [
    "--method",
    method,
    "--sparsity",
    sparsity,
    "--objective",
    objective,
    "--device",
    device,
    "--json",
  ];
  const text = ["--text", path.join(checkpoint, "evaluation.txt")];
  const child = spawn(
    node,
    [cli, "prune", checkpoint, "--out", out, ...what, ...OPTIONS, ...text],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const start = performance.now();
  let json = "";
  child.stdout.on("data", (chunk) => (json += chunk));
  return new Promise((resolve) => {
    child.on("close", (code) => {
      const seconds = (performance.now() - start) / 1000;
      if (code !== 0) return resolve({ device, method, failed: `exit code ${code}`, seconds });
      const { perplexity, selfTest, seconds: stages } = JSON.parse(json);
      resolve({
        device,
        method,
        sparsity,
        objective,
        seconds,
        stages,
        selfTest,
        perplexity,
      });
    });
  });
}

const both = RUNS.flatMap((run) => ["cuda", "wasm"].map((device) => ({ device, run })));
const rows = [];
await Promise.all(
  both.map(async ({ device, run }, i) => {
    rows[i] = await prune(device, run);
    writeFileSync(result, `${JSON.stringify(rows.filter(Boolean), null, 2)}\n`);
  }),
);
console.log(JSON.stringify(rows));
process.exit(rows.some(({ failed }) => failed) ? 1 : 0);
