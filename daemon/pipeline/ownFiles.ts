/**
 * This program's own files that go into an output. A run takes days, and an update of the extension may delete the
 * folder this code was loaded from meanwhile: they are read when the run begins, and kept until they are written.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { reportNotBuilt } from "./errors.ts";

const kept = new Map<string, string>();

function keep(name: string, find: () => string): string {
  const text = kept.get(name) ?? readFileSync(find(), "utf8");
  kept.set(name, text);
  return text;
}

/**
 * Script and style of the HTML report. Beside this code when it is bundled into dist/, in dist/ when it runs from
 * source.
 *
 * @throws {DenoiseError} `pipeline/report-not-built`
 */
export const reportFile = (name: "report.js" | "report.css"): string =>
  keep(name, () => {
    const places = [`./${name}`, `../../dist/${name}`].map((relative) =>
      fileURLToPath(new URL(relative, import.meta.url)),
    );
    const file = places.find((place) => existsSync(place));
    if (file === undefined) throw reportNotBuilt(places.at(-1) ?? name);
    return file;
  });

/**
 * Asked before a run, not after it.
 *
 * @param rotated whether the output will hold rotations between its layers, which Python files of ours load
 * @throws {DenoiseError} `pipeline/report-not-built`
 */
export function keepOwnFiles(rotated: boolean): void {
  reportFile("report.js");
  reportFile("report.css");
  if (rotated) modelingFiles();
}

const MODELING = ["configuration_denoise_rotator.py", "modeling_denoise_rotator.py"] as const;

/** The Python files with which transformers loads rotated models, by name. */
export const modelingFiles = (): ReadonlyMap<string, string> =>
  new Map(MODELING.map((name) => [name, keep(name, () => join(modelingFolder(), name))]));

/** `media/modeling`, from the bundle in `dist/` or from the sources. */
function modelingFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "media", "modeling")) && folder !== dirname(folder)) {
    folder = dirname(folder);
  }
  return join(folder, "media", "modeling");
}
