/**
 * From the path a person gives to the weight files it means. The order of preference in a folder is the one of
 * transformers: `model.safetensors`, then its index; pickles are never opened.
 */

import { readdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import * as errors from "./errors.ts";
import { readError, statIfThere } from "./fileAccess.ts";

export const SINGLE_FILE = "model.safetensors";
export const INDEX_FILE = "model.safetensors.index.json";
export const CONFIG_FILE = "config.json";
const WEIGHTS_SUFFIX = ".safetensors";
const INDEX_SUFFIX = ".safetensors.index.json";

const PICKLE = /\.(bin|pt|pth|ckpt|pkl|pickle)(\.index\.json)?$/i;
export const isPickleName = (name: string): boolean => PICKLE.test(name);

export interface Location {
  /** Absolute path of the folder that holds everything. */
  readonly root: string;
  readonly kind: "single" | "index";
  /** Absolute path of the weights or of their index. */
  readonly file: string;
}

/**
 * @throws DenoiseError `checkpoint/not-found`, `checkpoint/unreadable`, `checkpoint/pickle`, `checkpoint/no-weights`,
 *   `checkpoint/hub-cache`, `checkpoint/ambiguous-weights`, `checkpoint/unsupported-path`
 */
export async function locate(given: string): Promise<Location> {
  // An empty word, as of a variable that is not set, is no path; `resolve` would take the current folder.
  if (given === "") throw errors.notFound('""');
  const path = resolve(given);
  const stats = await statIfThere(path);
  if (!stats) throw errors.notFound(given);
  if (stats.isDirectory()) return inFolder(path);

  const name = basename(path);
  if (name === CONFIG_FILE) return inFolder(dirname(path));
  if (name.endsWith(INDEX_SUFFIX)) return { root: dirname(path), kind: "index", file: path };
  if (name.endsWith(WEIGHTS_SUFFIX)) return { root: dirname(path), kind: "single", file: path };
  if (isPickleName(name)) throw errors.pickle(path);
  throw errors.unsupportedPath(path);
}

async function inFolder(root: string): Promise<Location> {
  const names = await readdir(root).catch((cause: unknown) => {
    throw readError(root, cause);
  });
  const at = (kind: Location["kind"], name: string): Location => ({
    root,
    kind,
    file: join(root, name),
  });
  if (names.includes(SINGLE_FILE)) return at("single", SINGLE_FILE);
  if (names.includes(INDEX_FILE)) return at("index", INDEX_FILE);

  // Names other than the usual ones are taken where they leave no choice.
  const [index, ...moreIndexes] = names.filter((n) => n.endsWith(INDEX_SUFFIX));
  if (index !== undefined && moreIndexes.length === 0) return at("index", index);
  const weights = names.filter((n) => n.endsWith(WEIGHTS_SUFFIX)).sort();
  const [only, ...others] = weights;
  if (only !== undefined && others.length === 0) return at("single", only);
  if (weights.length > 1) throw errors.ambiguousWeights(root, weights);

  const pickled = names.find(isPickleName);
  if (pickled !== undefined) throw errors.pickle(join(root, pickled));
  if (names.includes("snapshots")) throw errors.hubCache(root);
  throw errors.noWeights(root);
}
