/**
 * The checks with the field's own tools (test/interop): `npm run test:interop`, or `npm run test:interop -- forward`
 * for those whose name contains a word. They run in Python with PyTorch and transformers:
 *
 *     DENOISE_ROTATOR_PYTHON=/path/to/bin/python    an environment that has them
 *     (not set)                                     one is made in .cache/interop-venv, once, with pip
 *
 * Where neither works the checks are skipped, and the reason is printed. The last line is the count.
 */
import { spawnSync } from "node:child_process";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { LOADER } from "./bundling.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const checks = join(root, "test/interop");
const requirements = join(checks, "requirements.txt");
const environment = join(root, ".cache/interop-venv");

/** A Python that can import what the checks need, or why there is none. */
async function findPython() {
  const given = process.env.DENOISE_ROTATOR_PYTHON;
  if (given) return { python: given };
  const python = join(
    environment,
    process.platform === "win32" ? "Scripts/python.exe" : "bin/python",
  );
  const wanted = await readFile(requirements, "utf8");
  const done = join(environment, "installed.txt");
  if ((await readFile(done, "utf8").catch(() => null)) === wanted) return { python };
  console.log(
    "Making a Python environment in .cache/interop-venv (PyTorch is large: some minutes).",
  );
  const steps = [
    [process.platform === "win32" ? "python" : "python3", ["-m", "venv", environment]],
    [python, ["-m", "pip", "install", "--quiet", "--retries", "1", "-r", requirements]],
  ];
  for (const [command, args] of steps) {
    const { status, error, stderr } = spawnSync(command, args, {
      stdio: ["ignore", "inherit", "pipe"],
      encoding: "utf8",
    });
    if (status === 0) continue;
    const reason = error?.message ?? stderr.trim().split("\n").at(-1);
    return { reason: `${command} ${args.slice(0, 3).join(" ")} failed: ${reason}` };
  }
  await writeFile(done, wanted);
  return { python };
}

/** What TensorFlow.js' CommonJS parts expect of Node. */
const COMMONJS = [
  'import { createRequire as __createRequire } from "node:module";',
  "const require = __createRequire(import.meta.url);",
  "const __dirname = import.meta.dirname;",
].join("\n");

/** TensorFlow.js looks for its WebAssembly beside the code that loads it; the fused kernels lie there too. */
async function bundleEngine() {
  const outdir = join(root, "out/interop");
  await build({
    absWorkingDir: root,
    entryPoints: [join(checks, "engine.ts")],
    outfile: join(outdir, "engine.mjs"),
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    logLevel: "warning",
    external: ["koffi", "webgpu", "@tensorflow/tfjs-node", "@tensorflow/tfjs-node-gpu"],
    loader: LOADER,
    banner: { js: COMMONJS },
  });
  for (const name of ["tfjs-backend-wasm-simd.wasm", "kernels.wasm"]) {
    await copyFile(join(root, "dist", name), join(outdir, name));
  }
}

const { python, reason } = await findPython();
if (reason) {
  console.log(`Skipped: no Python with PyTorch and transformers. ${reason}`);
  console.log(
    "Set DENOISE_ROTATOR_PYTHON to one that has them, or make the package index reachable for pip.",
  );
  process.exit(0);
}
const built = spawnSync(process.execPath, ["scripts/build.mjs"], {
  cwd: root,
  stdio: ["ignore", "ignore", "inherit"],
});
if (built.status !== 0) process.exit(1);
await bundleEngine();
const { status } = spawnSync(python, [join(checks, "run.py"), ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, DENOISE_ROTATOR_NODE: process.execPath, PYTHONDONTWRITEBYTECODE: "1" },
});
process.exit(status ?? 1);
