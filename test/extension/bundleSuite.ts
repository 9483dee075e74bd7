/** Bundles the tests of the extension host as VS Code loads them, in CommonJS. */
import { build } from "esbuild";
import { join } from "node:path";
import { root } from "../daemon/bundle.ts";

/**
 * @param name of the suite's own folder: two may be bundled at a time
 * @returns path of the module whose `run` VS Code calls
 */
export async function bundleSuite(name: string): Promise<string> {
  const outfile = join(root, "out", "test", `extension-${name}`, "index.cjs");
  await build({
    bundle: true,
    absWorkingDir: root,
    logLevel: "error",
    entryPoints: ["test/extension/suite/index.ts"],
    outfile,
    platform: "node",
    target: "node20",
    format: "cjs",
    external: ["vscode", "mocha"],
  });
  return outfile;
}
