/**
 * `npm run test:electron`: the tests of the extension host and those in a workbench, in desktop VS Code instead of
 * code-server. `@vscode/test-electron` downloads it where it can; `DENOISE_ROTATOR_VSCODE=<executable>` takes one that is
 * there. Arguments are those of vitest: `npm run test:electron -- -t "right-click"`.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { installPackages } from "./install.mjs";

const root = fileURLToPath(new URL("../", import.meta.url));
const run = (args, env = process.env) =>
  spawnSync(process.execPath, args, { cwd: root, stdio: "inherit", env }).status ?? 1;

if (!installPackages()) process.exit(1);
const { DISPLAY, WAYLAND_DISPLAY, DENOISE_ROTATOR_VSCODE: given } = process.env;
if (process.platform === "linux" && !DISPLAY && !WAYLAND_DISPLAY && given === undefined) {
  giveUp(
    "There is no display for its window.",
    'xvfb-run -a -s "-screen 0 1600x1000x24" npm run test:electron',
  );
}
const executable = await desktop();
if (run(["scripts/build.mjs"]) !== 0) process.exit(1);
console.log(`Tests run in ${executable}`);
const tests = ["test/e2e", "test/extension/host.test.ts"];
process.exit(
  run(["node_modules/vitest/vitest.mjs", "run", ...tests, ...process.argv.slice(2)], {
    ...process.env,
    DENOISE_ROTATOR_VSCODE: executable,
  }),
);

async function desktop() {
  if (given !== undefined) {
    if (existsSync(given)) return path.resolve(given);
    giveUp(`DENOISE_ROTATOR_VSCODE names ${given}, and there is no such file.`);
  }
  const { downloadAndUnzipVSCode } = await import("@vscode/test-electron");
  try {
    return await downloadAndUnzipVSCode({ cachePath: path.join(root, ".cache/vscode") });
  } catch (error) {
    giveUp(
      `VS Code cannot be downloaded here: ${error instanceof Error ? error.message : String(error)}`,
      "DENOISE_ROTATOR_VSCODE=<its executable> npm run test:electron",
    );
  }
}

/** No test ran: that is no success. */
function giveUp(why, instead) {
  console.error(`Desktop VS Code was not tested. ${why}`);
  if (instead !== undefined) console.error(`Try:  ${instead}`);
  console.error("npm run test:e2e runs the same tests in code-server.");
  process.exit(2);
}
