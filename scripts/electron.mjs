/**
 * `npm run test:electron`: the tests of the extension host in desktop VS Code, which `@vscode/test-electron` downloads
 * where it can. Linux without a display needs `xvfb-run -a npm run test:electron`.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { downloadAndUnzipVSCode, runTests } from "@vscode/test-electron";
import { EXTERNAL, NODE_BANNER } from "./bundling.mjs";
import { installPackages } from "./install.mjs";

const root = fileURLToPath(new URL("../", import.meta.url));
if (!installPackages()) process.exit(1);
const { status } = spawnSync(process.execPath, ["scripts/build.mjs"], {
  cwd: root,
  stdio: "inherit",
});
if (status !== 0) process.exit(1);

let vscodeExecutablePath;
try {
  vscodeExecutablePath = await downloadAndUnzipVSCode({
    cachePath: path.join(root, ".cache/vscode"),
  });
} catch (error) {
  console.log(`Skipped: VS Code cannot be downloaded here (${String(error)}).`);
  console.log("npm test runs the same tests in code-server.");
  process.exit(0);
}

// The tests' own TypeScript makes the workspace and the bundle that VS Code runs.
const helpers = path.join(root, "out/test/electron.mjs");
await build({
  stdin: {
    contents: `export * from "./test/extension/bundleSuite.ts"; export * from "./test/extension/material.ts";`,
    resolveDir: root,
  },
  outfile: helpers,
  bundle: true,
  platform: "node",
  format: "esm",
  external: [...EXTERNAL, "esbuild"],
  banner: { js: NODE_BANNER },
  logLevel: "warning",
});
const { bundleSuite, writeMaterial } = await import(pathToFileURL(helpers).href);
const folder = mkdtempSync(path.join(tmpdir(), "dr-el-"));
try {
  const workspace = path.join(folder, "workspace");
  const user = path.join(folder, "user", "User");
  mkdirSync(workspace);
  mkdirSync(user, { recursive: true });
  await writeMaterial(workspace);
  const settings = { "denoise-rotator.stateFolder": path.join(folder, "daemon") };
  writeFileSync(path.join(user, "settings.json"), JSON.stringify(settings));
  await runTests({
    vscodeExecutablePath,
    extensionDevelopmentPath: root,
    extensionTestsPath: await bundleSuite(),
    launchArgs: [
      workspace,
      ...["--user-data-dir", path.join(folder, "user")],
      ...["--disable-extensions", "--disable-workspace-trust", "--disable-gpu"],
    ],
  });
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
