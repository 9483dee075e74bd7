/**
 * Makes `media/sample` anew: `node scripts/sample/make.mjs`. Bundles make.ts, because Node does not run TypeScript,
 * and runs it; arguments go through.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { LOADER } from "../bundling.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const bundle = `${root}.cache/sample/make.mjs`;

/** Packages stay outside the bundle, except a file of TensorFlow.js that Node cannot load by itself. */
const externalPackages = {
  name: "external-packages",
  setup(api) {
    api.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === "entry-point" || path.endsWith("/register_all_gradients.js")
        ? undefined
        : { external: true },
    );
  },
};

await build({
  absWorkingDir: root,
  entryPoints: ["scripts/sample/make.ts"],
  outfile: bundle,
  bundle: true,
  platform: "node",
  format: "esm",
  loader: LOADER,
  logLevel: "error",
  plugins: [externalPackages],
});
/** One thread and, on x86, one family of kernels: OpenBLAS then adds in the same order on every machine. */
const reproducibleBlas = {
  OPENBLAS_NUM_THREADS: "1",
  ...(process.arch === "x64" ? { OPENBLAS_CORETYPE: "Haswell" } : {}),
};
const { status } = spawnSync(process.execPath, [bundle, ...process.argv.slice(2)], {
  cwd: root,
  env: { ...process.env, ...reproducibleBlas },
  stdio: "inherit",
});
process.exitCode = status ?? 1;
