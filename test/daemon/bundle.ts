/** Bundles the daemon as the build does, into `out/`, so that the tests start what ships and not a stale `dist/`. */
import { build } from "esbuild";
import { existsSync } from "node:fs";
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));

const BANNER = [
  'import { createRequire as __createRequire } from "node:module";',
  'import { fileURLToPath as __fileURLToPath } from "node:url";',
  "const require = __createRequire(import.meta.url);",
  "const __filename = __fileURLToPath(import.meta.url);",
  'const __dirname = __fileURLToPath(new URL(".", import.meta.url));',
].join("\n");

/**
 * Into a folder of its own, two levels below the root: that is where the engine looks for `../../dist`.
 *
 * @param version the daemon will say it has; the package's by default
 * @returns path of daemon.js
 */
export async function bundleDaemon(name: string, version?: string): Promise<string> {
  const outdir = join(root, "out", name);
  await build({
    bundle: true,
    absWorkingDir: root,
    logLevel: "error",
    entryPoints: { daemon: "daemon/main.ts", worker: "daemon/worker.ts" },
    outdir,
    platform: "node",
    target: "node20",
    format: "esm",
    mainFields: ["module", "main"],
    external: ["koffi", "webgpu", "@tensorflow/tfjs-node", "@tensorflow/tfjs-node-gpu"],
    loader: { ".cu": "text" },
    banner: { js: BANNER },
    plugins:
      version === undefined
        ? []
        : [
            {
              name: "version",
              setup(bundling) {
                bundling.onLoad({ filter: /package\.json$/ }, async ({ path }) => {
                  if (path !== join(root, "package.json")) return null;
                  const manifest = JSON.parse(await readFile(path, "utf8")) as object;
                  return { contents: JSON.stringify({ ...manifest, version }), loader: "json" };
                });
              },
            },
          ],
  });
  // Without it the engine still works, slower.
  const kernels = join(root, "dist", "kernels.wasm");
  if (existsSync(kernels)) await copyFile(kernels, join(outdir, "kernels.wasm"));
  return join(outdir, "daemon.js");
}
