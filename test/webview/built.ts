/** The report's script and style in dist/, made from the sources as they are now. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export function buildReport(): void {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  execFileSync(process.execPath, ["scripts/build.mjs", "report"], { cwd: root, stdio: "pipe" });
}
