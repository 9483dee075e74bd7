/**
 * Packs what a bare GPU machine lacks into `.gpu`, for test/gpu/run.sh: this machine's Node, koffi's binary, the built
 * product, the tests and the benchmark as single files. Linux on x64; the machine there brings the driver and a toolkit
 * (or PyTorch). Below 45 MiB.
 *
 *     node scripts/gpu-payload.mjs
 */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { EXTERNAL, LOADER, NODE_BANNER } from "./bundling.mjs";

const root = fileURLToPath(new URL("../", import.meta.url));
const folder = path.join(root, ".gpu");
const stage = path.join(root, ".cache", "gpu-stage");
const dist = path.join(stage, "dist");
const MOST_BYTES = 45 * 2 ** 20;

run(process.execPath, ["scripts/build.mjs", "kernels", "report", "cli"]);
rmSync(stage, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
mkdirSync(path.join(stage, "node_modules/@koromix"), { recursive: true });
for (const name of readdirSync(path.join(root, "dist"))) {
  if (/^(cli|worker|report)\.(js|css)$|\.wasm$/.test(name))
    cpSync(path.join(root, "dist", name), path.join(dist, name));
}
cpSync(path.join(root, "package.json"), path.join(stage, "package.json"));
cpSync(path.join(root, "media/modeling"), path.join(stage, "media/modeling"), { recursive: true });
const koffi = path.join(root, "node_modules/koffi");
for (const name of ["package.json", "index.js", "index.cjs", "src/koffi", "lib"]) {
  const from = path.join(koffi, name);
  if (existsSync(from))
    cpSync(from, path.join(stage, "node_modules/koffi", name), {
      recursive: true,
      filter: isScript,
    });
}
const binary = "node_modules/@koromix/koffi-linux-x64";
for (const name of ["package.json", "index.js", "linux_x64"]) {
  cpSync(path.join(root, binary, name), path.join(stage, binary, name), { recursive: true });
}

const tests = readdirSync(path.join(root, "test/backend/cuda"), {
  recursive: true,
  encoding: "utf8",
})
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => path.join(root, "test/backend/cuda", name))
  // Those that look for a GPU; the others test what needs none.
  .filter((file) => readFileSync(file, "utf8").includes("testGpu.ts"));
for (const file of tests) await bundle(file, `test-${path.basename(file, ".test.ts")}.mjs`);
await bundle(path.join(root, "test/bench/cuda.bench.ts"), "bench-cuda.mjs");

const node = path.join(folder, "node.xz");
const version = path.join(folder, "node.version");
if (!existsSync(version) || readFileSync(version, "utf8") !== process.version) {
  console.log("Compressing node (once, a minute or more) …");
  spawnSync("sh", ["-c", 'xz -9e -c "$1" > "$2"', "sh", process.execPath, node], {
    stdio: "inherit",
  });
  writeFileSync(version, process.version);
}
// Whole or not at all: the folder may be on its way to a machine.
const archive = path.join(root, ".cache", "gpu-payload.tar.xz");
run("tar", ["-cJf", archive, "-C", stage, "."]);
renameSync(archive, path.join(folder, "payload.tar.xz"));
rmSync(stage, { recursive: true });
const bytes = readdirSync(folder).reduce(
  (sum, name) => sum + statSync(path.join(folder, name)).size,
  0,
);
console.log(
  `.gpu: ${(bytes / 2 ** 20).toFixed(1)} MiB, tests ${tests.map((file) => path.basename(file, ".test.ts")).join(", ")}`,
);
if (bytes > MOST_BYTES) throw new Error(`.gpu is larger than ${MOST_BYTES} bytes`);

async function bundle(entry, name) {
  await build({
    entryPoints: [entry],
    // Beside the product's WebAssembly files, where its code looks for them.
    outfile: path.join(dist, name),
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    external: EXTERNAL,
    loader: LOADER,
    // A package of TensorFlow.js wrongly calls the file that registers its backend free of side effects.
    ignoreAnnotations: true,
    alias: { vitest: path.join(root, "test/gpu/vitest.ts") },
    banner: { js: NODE_BANNER },
    logLevel: "warning",
  });
}

function isScript(from) {
  return statSync(from).isDirectory() || /\.(c?js|json)$/.test(from);
}

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed`);
}
