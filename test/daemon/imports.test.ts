/** What each side loads, from esbuild's own account of it. */
import { build } from "esbuild";
import { expect, test } from "vitest";
import { root } from "./bundle.ts";

/** Files that end up in a bundle of `entry`, type-only imports not among them. */
async function loadedBy(entry: string): Promise<string[]> {
  const { metafile } = await build({
    bundle: true,
    write: false,
    metafile: true,
    absWorkingDir: root,
    entryPoints: [entry],
    platform: "node",
    format: "esm",
    mainFields: ["module", "main"],
    logLevel: "silent",
  });
  return Object.values(metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs));
}

const ENGINE = /^daemon\/(pipeline|model|method|backend)|@tensorflow|koffi|webgpu/;

test("the daemon loads neither TensorFlow.js nor the engine", async () => {
  const files = await loadedBy("daemon/main.ts");
  expect(files.filter((file) => ENGINE.test(file))).toEqual([]);
  expect(files).toContain("daemon/session.ts");
});

test("a client needs the protocol's constants, the words all rooms share, and nothing else", async () => {
  const files = await loadedBy("daemon/protocol.ts");
  const own = (file: string) =>
    file.startsWith("daemon/protocol") || file === "daemon/vocabulary.ts";
  expect(files.filter((file) => !own(file))).toEqual([]);
});

test("finding the daemon loads neither the daemon nor the engine", async () => {
  const files = await loadedBy("daemon/connect.ts");
  expect(
    files.filter((file) => ENGINE.test(file) || /daemon\/(session|jobs|language)/.test(file)),
  ).toEqual([]);
});
