/**
 * Where the files of a run lie, for those who write them (`pipeline`) and for the daemon, which looks at them without
 * loading the engine. `pipeline/workFolder.ts` and `pipeline/heatmapFile.ts` say what is in them.
 */
import { homedir } from "node:os";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";

const WORK_PARENT = ".denoise-rotator";
export const HEATMAPS = "heatmaps";

/** `layer-00003.safetensors` */
export const numberedFile = (name: string, i: number, suffix: string): string =>
  `${name}-${String(i).padStart(5, "0")}.${suffix}`;

/** The work folder of the run that writes to `out`. */
export function workPath(out: string): string {
  const target = resolve(out);
  return join(dirname(target), WORK_PARENT, basename(target));
}

/** Whether a folder is one that {@link workPath} names. */
export const isWorkPath = (path: string): boolean => basename(dirname(path)) === WORK_PARENT;

/** What a run was asked; its existence is what "a run lies here" means. @param work as of {@link workPath} */
export const runFilePath = (work: string): string => join(work, "run.json");

export const layerFilePath = (work: string, layer: number): string =>
  join(work, numberedFile("layer", layer, "safetensors"));

/** @param folder the work folder of a run, or its output */
export const heatmapPath = (folder: string, layer: number): string =>
  join(folder, HEATMAPS, numberedFile("layer", layer, "safetensors"));

/** A path as a run writes it into its output: from `~` on where it lies in the home folder, so that nobody is named. */
export function keptPath(path: string): string {
  const inHome = relative(homedir(), path);
  const outside = inHome === "" || inHome.startsWith("..") || isAbsolute(inHome);
  return outside ? path : join("~", inHome);
}

/** The path that {@link keptPath} kept. */
export const foundPath = (kept: string): string =>
  kept.startsWith("~") ? join(homedir(), kept.slice(1)) : kept;
