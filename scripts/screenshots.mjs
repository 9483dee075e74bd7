/**
 * `node scripts/screenshots.mjs`: every view of the extension in a real workbench, light, dark and high contrast, into
 * `media/screenshots`; with `views` or `states` behind it only those. Needs code-server (`node scripts/codeServer.mjs`) and the built tree.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../", import.meta.url));
const outfile = path.join(root, "out/test/screenshots.mjs");
await build({
  entryPoints: [path.join(root, "test/e2e/screenshots.ts")],
  outfile,
  bundle: true,
  platform: "node",
  format: "esm",
  packages: "external",
  logLevel: "warning",
});
const { status } = spawnSync(process.execPath, [outfile, ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
});
process.exit(status ?? 1);
