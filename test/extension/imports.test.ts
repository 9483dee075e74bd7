/** What VS Code loads for the extension, from esbuild's own account of it. */
import { build, type Metafile } from "esbuild";
import { beforeAll, expect, test } from "vitest";
import { root } from "../daemon/bundle.ts";

let metafile: Metafile;
beforeAll(async () => {
  ({ metafile } = await build({
    bundle: true,
    write: false,
    metafile: true,
    absWorkingDir: root,
    entryPoints: ["extension/extension.ts"],
    outdir: "out/unused",
    platform: "node",
    format: "esm",
    // What is imported lazily lands in files of its own, so that the first file is what activation loads.
    splitting: true,
    external: ["vscode"],
    mainFields: ["module", "main"],
    logLevel: "silent",
  }));
});

/** Files that are loaded by the entry alone, without what it imports later. */
function loadedAtOnce(): string[] {
  const files = new Set<string>();
  const visit = (name: string) => {
    const output = metafile.outputs[name];
    for (const [input, { bytesInOutput }] of Object.entries(output?.inputs ?? {})) {
      if (bytesInOutput > 0) files.add(input);
    }
    for (const { path, kind } of output?.imports ?? []) {
      if (kind === "import-statement" && path in metafile.outputs) visit(path);
    }
  };
  visit("out/unused/extension.js");
  return [...files];
}

test("no native module, no TensorFlow.js and nothing of the engine is in the bundle", () => {
  const all = Object.keys(metafile.inputs);
  const engine =
    /^daemon\/(pipeline|model|method|backend|checkpoint|jobs|session|language|tiles)\//;
  expect(all.filter((file) => engine.test(file) || /@tensorflow|koffi|webgpu/.test(file))).toEqual(
    [],
  );
});

test("activation loads no package: language client, validation and panels come later", () => {
  const heavy = /node_modules|^daemon\/(connect|instance)/;
  const files = loadedAtOnce();
  expect(files.filter((file) => heavy.test(file))).toEqual([]);
  expect(files).toContain("extension/runs/tree.ts");
});

test("the page of the form knows nothing of VS Code's host or Node", async () => {
  const page = await build({
    bundle: true,
    write: false,
    metafile: true,
    absWorkingDir: root,
    entryPoints: ["webview/form/main.ts"],
    platform: "browser",
    logLevel: "silent",
  });
  const files = Object.keys(page.metafile.inputs);
  expect(files.filter((file) => /^(extension|daemon\/(?!vocabulary|report))/.test(file))).toEqual(
    [],
  );
});
