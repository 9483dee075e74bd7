/**
 * Builds everything that ships into dist/: `node scripts/build.mjs`, or only the parts named, as in
 * `node scripts/build.mjs report`; with `--out <folder>` into another folder. Prints what is there with sizes.
 */
import { spawnSync } from "node:child_process";
import { copyFile, mkdir, readdir, rename, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { EXTERNAL, LOADER, NODE_BANNER } from "./bundling.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const at = (...parts) => path.join(root, ...parts);
const names = process.argv.slice(2);
const out = names.indexOf("--out");
const [, folder = at("dist")] = out < 0 ? [] : names.splice(out, 2);
const dist = path.resolve(folder);

const common = { bundle: true, absWorkingDir: root, logLevel: "warning", sourcemap: false };

async function buildKernels() {
  const { status } = spawnSync(process.execPath, ["scripts/build-kernels.mjs"], {
    cwd: root,
    stdio: "inherit",
  });
  if (status !== 0) throw new Error("scripts/build-kernels.mjs failed");
  const built = at("dist/kernels.wasm");
  if (dist !== path.dirname(built)) await copyFile(built, path.join(dist, "kernels.wasm"));
}

const node = {
  ...common,
  platform: "node",
  target: "node20",
  format: "esm",
  external: EXTERNAL,
  loader: LOADER,
  banner: { js: NODE_BANNER },
};

async function buildCli() {
  await build({ ...node, entryPoints: { cli: at("daemon/cli.ts") }, outdir: dist });
}

/** The daemon and its worker: two bundles that must lie beside each other. */
async function buildDaemon() {
  await build({
    ...node,
    entryPoints: { daemon: at("daemon/main.ts"), worker: at("daemon/worker.ts") },
    outdir: dist,
    // The JSON language service's UMD builds hide their imports from the bundler.
    mainFields: ["module", "main"],
  });
}

/** The report's script and style, which `daemon/pipeline/htmlReport.ts` puts into every page it writes. */
async function buildReport() {
  const script = await build({
    ...common,
    write: false,
    entryPoints: { report: at("webview/report/main.ts") },
    outdir: dist,
    platform: "browser",
    target: "es2022",
    format: "iife",
    minify: true,
    legalComments: "none",
  });
  const style = await build({
    ...common,
    write: false,
    entryPoints: { report: at("webview/report/report.css") },
    outdir: dist,
    minify: true,
    target: "chrome120",
  });
  await putInPlace([...script.outputFiles, ...style.outputFiles]);
}

/** Renamed into place: a run, a page or a test that is reading them must not see half a file. */
async function putInPlace(outputFiles) {
  for (const { path: file, contents } of outputFiles) {
    const temporary = `${file}.${process.pid}`;
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(temporary, contents);
    await rename(temporary, file);
  }
}

/**
 * The extension's host part: `extension.cjs` is what VS Code loads at its start, `extension.later.cjs` has everything
 * that is imported dynamically. Two files and no more, and CommonJS: every module file costs VS Code's loader a turn.
 */
async function buildExtension() {
  const later = new Set();
  const parts = {
    name: "later",
    setup(bundling) {
      bundling.onResolve({ filter: /^\./ }, ({ kind, path: file, resolveDir }) => {
        if (kind !== "dynamic-import") return null;
        later.add(path.join(resolveDir, file));
        return { path: "./extension.later.cjs", external: true };
      });
    },
  };
  const host = {
    ...common,
    platform: "node",
    target: "node20",
    format: "cjs",
    external: ["vscode"],
    mainFields: ["module", "main"],
    minify: true,
    legalComments: "none",
  };
  const entry = at("extension/extension.ts");
  await build({
    ...host,
    entryPoints: [entry],
    outfile: path.join(dist, "extension.cjs"),
    plugins: [parts],
  });
  const contents = [...later].map((file) => `export * from ${JSON.stringify(file)};`).join("\n");
  const outfile = path.join(dist, "extension.later.cjs");
  await build({ ...host, stdin: { contents, resolveDir: root }, outfile });
}

/** The extension's pages: `webview/panels/<name>/main.ts` and `webview/form/main.ts`, with the `main.css` beside. */
async function buildWebview() {
  const panels = at("webview/panels");
  const folders = (await readdir(panels, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => path.join(panels, name));
  const entryPoints = {};
  for (const folder of [...folders, at("webview/form")]) {
    const files = await readdir(folder);
    for (const file of ["main.ts", "main.css"].filter((one) => files.includes(one))) {
      // A script and a style of the same name: esbuild takes the keys as paths without extension.
      (entryPoints[path.extname(file)] ??= {})[path.basename(folder)] = path.join(folder, file);
    }
  }
  for (const points of Object.values(entryPoints)) {
    const { outputFiles } = await build({
      ...common,
      write: false,
      entryPoints: points,
      outdir: path.join(dist, "webview"),
      platform: "browser",
      target: ["es2022", "chrome120"],
      format: "iife",
      minify: true,
      legalComments: "none",
    });
    await putInPlace(outputFiles);
  }
}

/** TensorFlow.js looks for its WebAssembly beside the code that loads it. */
async function copyWasm() {
  const from = at("node_modules/@tensorflow/tfjs-backend-wasm/dist");
  for (const name of await readdir(from)) {
    if (name.endsWith(".wasm")) await copyFile(path.join(from, name), path.join(dist, name));
  }
}

const PARTS = {
  kernels: buildKernels,
  wasm: copyWasm,
  report: buildReport,
  cli: buildCli,
  daemon: buildDaemon,
  extension: buildExtension,
  webview: buildWebview,
};

const unknown = names.filter((name) => !Object.hasOwn(PARTS, name));
if (unknown.length > 0) {
  console.error(`Unknown part ${unknown.join(", ")}; there are ${Object.keys(PARTS).join(", ")}.`);
  process.exit(2);
}
await mkdir(dist, { recursive: true });
for (const name of names.length > 0 ? names : Object.keys(PARTS)) await PARTS[name]();
for (const name of (await readdir(dist)).sort()) {
  const { size } = await stat(path.join(dist, name));
  console.log(
    `${(size / 1024).toFixed(0).padStart(7)} KB  ${path.relative(root, path.join(dist, name))}`,
  );
}
