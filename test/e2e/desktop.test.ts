/**
 * What `npm run test:electron` drives a desktop VS Code with: started with a debugging port, found, attached to, reloaded
 * and ended. Where there is no desktop, against a stand-in that takes the same command line.
 */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundleSuite } from "../extension/bundleSuite.ts";
import { writeMaterial } from "../extension/material.ts";
import { editorKept } from "./browserStorage.ts";
import { desktopExecutable } from "./editions/desktop.ts";
import { missing, root, Workbench } from "./workbench.ts";

const isHere = desktopExecutable() !== null || process.platform !== "win32";
const why = missing() ?? (isHere ? null : "the stand-in is a script of a Unix shell");
if (why !== null) console.log(`Skipped, the way to a desktop VS Code: ${why}`);

/** @returns its executable */
async function standIn(): Promise<string> {
  const folder = join(root, "out", "test", "desktop");
  await build({
    entryPoints: [join(root, "test", "e2e", "editions", "standIn.ts")],
    outfile: join(folder, "standIn.mjs"),
    bundle: true,
    platform: "node",
    format: "esm",
    packages: "external",
    logLevel: "error",
  });
  // Laid out as VS Code is: the window's executable, and the command line's in `bin`.
  await mkdir(join(folder, "bin"), { recursive: true });
  const script = `#!/bin/sh\nexec "${process.execPath}" "${folder}/standIn.mjs" "$@"\n`;
  for (const name of ["code", "bin/code"]) {
    await writeFile(join(folder, name), script);
    await chmod(join(folder, name), 0o755);
  }
  return join(folder, "code");
}

describe.skipIf(why !== null)("a VS Code with a debugging port", () => {
  let executable: string;
  let workbench: Workbench;

  beforeAll(async () => {
    executable = desktopExecutable() ?? (await standIn());
  });

  describe("as a window", () => {
    beforeAll(async () => {
      workbench = await Workbench.start({ executable });
      await workbench.put("sample", join(root, "media", "sample"));
      await workbench.open();
    });
    afterAll(() => workbench.close());

    test("menus and pages are reached, also after a reload", async () => {
      await workbench.chooseInMenu(workbench.item("sample"), "Inspect Layers");
      await workbench.frameWith(".tree [role=treeitem]");
      await editorKept(workbench.page, "denoise-rotator.safetensors");
      await workbench.reload();
      await workbench.frameWith(".tree [role=treeitem]");
    });

    test("a window that was closed opens again", async () => {
      await workbench.closeWindow();
      await workbench.open();
      await workbench.item("sample").waitFor();
    });
  });

  test("a suite's exit code and output arrive", async () => {
    const host = await Workbench.start({ executable, installed: false });
    try {
      await writeMaterial(host.workspace);
      const nothing = join(host.folder, "nothing.cjs");
      await writeFile(nothing, 'exports.run = () => { throw new Error("nothing to run"); };\n');
      const failed = await host.runInHost(root, nothing);
      expect(failed.code).not.toBe(0);
      const { code, output } = await host.runInHost(root, await bundleSuite("desktop"));
      expect(code, output).toBe(0);
      expect(output).toMatch(/[1-9]\d* passing/);
    } finally {
      await host.close();
    }
  }, 400_000);
});
