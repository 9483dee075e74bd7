/** Which file or folder stands for a checkpoint: by names alone, nothing is read but folders. */
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

const WEIGHTS = ".safetensors";
const INDEX = ".safetensors.index.json";

export const isWeights = (path: string): boolean => path.endsWith(WEIGHTS) || path.endsWith(INDEX);

/** Folder of a checkpoint named by the folder itself or by a file in it. */
export const folderOf = (path: string): string =>
  isWeights(path) || basename(path) === "config.json" ? dirname(path) : path;

/** The file of a checkpoint that the tensor editor opens: its index, or its only weights. */
export async function weightsOf(path: string): Promise<string | undefined> {
  if (isWeights(path)) return path;
  const folder = folderOf(path);
  const names = (await namesIn(folder)).filter(isWeights).toSorted();
  const name =
    names.find((one) => one.endsWith(INDEX)) ??
    names.find((one) => one === "model.safetensors") ??
    names[0];
  return name === undefined ? undefined : join(folder, name);
}

/** None where the folder cannot be read. */
export const namesIn = (folder: string): Promise<string[]> =>
  readdir(folder).catch((): string[] => []);

/** Many things have a `config.json`: only beside weights it is that of a checkpoint. */
export const hasWeights = async (folder: string): Promise<boolean> =>
  (await namesIn(folder)).some(isWeights);

/** Those that hold a `config.json`, each once. */
export async function withConfig(folders: readonly string[]): Promise<string[]> {
  const all = [...new Set(folders)];
  const names = await Promise.all(all.map(namesIn));
  return all.filter((_, i) => names[i]?.includes("config.json"));
}
