/**
 * `npm run bench [name…]`: runs the benchmarks under test/bench, each in a process of its own, prints their tables and
 * writes test/bench/results/<name>.json. Figures are ratios within one run wherever they can be.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { EXTERNAL, LOADER, NODE_BANNER } from "./bundling.mjs";
import { findBlas } from "./test/blas.mjs";

const root = fileURLToPath(new URL("../", import.meta.url));
const folder = path.join(root, "test/bench");
const results = path.join(folder, "results");
const wanted = process.argv.slice(2);

const { status } = spawnSync(process.execPath, ["scripts/build.mjs"], {
  cwd: root,
  stdio: "inherit",
});
if (status !== 0) process.exit(1);
mkdirSync(results, { recursive: true });

let failed = false;
for (const file of readdirSync(folder).sort()) {
  const name = file.replace(/\.bench\.ts$/, "");
  if (name === file || (wanted.length > 0 && !wanted.includes(name))) continue;
  // Beside the bundle of the product, so that it finds the same WebAssembly files.
  const outfile = path.join(root, "dist", `.bench-${name}.mjs`);
  await build({
    entryPoints: [path.join(folder, file)],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    // The browser of the benchmarks in a workbench finds its files beside its own code.
    external: [...EXTERNAL, "playwright-core", "@sparticuz/chromium"],
    loader: LOADER,
    banner: { js: NODE_BANNER },
    logLevel: "warning",
  });
  console.log(`\n${name}`);
  const run = spawnSync(process.execPath, ["--expose-gc", outfile], {
    cwd: root,
    env: { ...process.env, ...findBlas(root) },
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (run.status !== 0) {
    console.log(`  failed with exit code ${run.status}`);
    failed = true;
    continue;
  }
  const { machine, rows } = JSON.parse(run.stdout);
  // It said why on stderr; results that stand are kept.
  if (rows.length === 0) continue;
  console.table(rows);
  const command = `npm run bench ${name}`;
  const json = JSON.stringify({ command, machine, rows }, null, 2);
  writeFileSync(path.join(results, `${name}.json`), `${json}\n`);
}
process.exit(failed ? 1 : 0);
