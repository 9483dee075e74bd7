/** `npm start`: installs and builds where needed, then shows the whole method on the bundled sample. */
import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { installPackages } from "./install.mjs";

const root = fileURLToPath(new URL("../", import.meta.url));

if (!installPackages()) {
  console.error("The packages could not be installed; npm's message is above.");
  process.exit(1);
}

console.log("Building …");
const build = spawnSync(process.execPath, ["scripts/build.mjs"], { cwd: root, encoding: "utf8" });
if (build.status !== 0) {
  console.error(`${build.stdout}${build.stderr}The build failed.`);
  process.exit(1);
}

const demo = spawn(process.execPath, ["dist/cli.js", "demo", ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
});
// Ctrl-C reaches the child by itself; this process only waits for it to tidy up.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => demo.kill("SIGTERM"));
demo.on("exit", (code, signal) => {
  process.exitCode = code ?? (signal === null ? 1 : 130);
});
