/** The report's and the pages' scripts and styles in dist/, made from the sources as they are now. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

function build(part: string): void {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  execFileSync(process.execPath, ["scripts/build.mjs", part], { cwd: root, stdio: "pipe" });
}

export const buildReport = (): void => {
  build("report");
};

export const buildPages = (): void => {
  build("webview");
};
