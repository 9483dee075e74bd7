/** The texts that the field calibrates and measures on, by name: fetched once into the user's cache. */
import { basename, resolve } from "node:path";
import { isTextName, type TextName } from "../vocabulary.ts";
import { cacheFolder, fetchIntoCache, type DatasetOptions } from "./cached.ts";
import * as errors from "./errors.ts";
import { findFile } from "./repository.ts";
import { sizeOf } from "./transfer.ts";

/** What a text is for: data sets have one part to calibrate on and another to measure on. */
export type TextUse = "calibration" | "evaluation";

interface Dataset {
  readonly repository: string;
  readonly calibration: string;
  /** Path in the repository, or why there is none. */
  readonly evaluation: string | { readonly none: string };
}

/** The files of SparseGPT, Wanda and the paper; their texts are in the field `text`, the default of the text room. */
const DATASETS = {
  c4: {
    repository: "allenai/c4",
    calibration: "en/c4-train.00000-of-01024.json.gz",
    evaluation: {
      none: "perplexity on C4 is measured on samples that differ from paper to paper.",
    },
  },
  wikitext2: {
    repository: "Salesforce/wikitext",
    calibration: "wikitext-2-raw-v1/train-00000-of-00001.parquet",
    evaluation: "wikitext-2-raw-v1/test-00000-of-00001.parquet",
  },
} as const satisfies Readonly<Record<TextName, Dataset>>;

/**
 * The path of a data set's file for `use`, from the cache or fetched into it. A file that is there is taken as it is,
 * without a request: people without a network put it there themselves. The commit of a fetched one is in
 * `<file>.source.json` beside it.
 *
 * @returns paths for `sampleCalibration` and `evaluationWindows` of the text room
 * @throws hub/no-evaluation-text, hub/offline (names the file and where to put it), hub/file-missing, hub/disk-full,
 *   hub/corrupt, hub/interrupted, hub/cancelled and the others of a download
 */
export async function namedDataset(
  name: TextName,
  use: TextUse,
  options: DatasetOptions = {},
): Promise<readonly string[]> {
  const dataset: Dataset = DATASETS[name];
  const path = dataset[use];
  if (typeof path !== "string") throw errors.noEvaluationText(name, path.none);

  const target = cachedPath(name, path, options);
  if ((await sizeOf(target)) !== null) return [target];
  const { repository } = dataset;
  await fetchIntoCache(
    {
      repository,
      revision: "main",
      byHand:
        `Without a network: fetch ${path} of the data set ${repository} where there is one and put it to ` +
        `${target}; or give a text file of your own instead of ${name}.`,
      choose: async (connection, commit) => [
        { file: await findFile(connection, commit, path), target },
      ],
    },
    options,
  );
  return [target];
}

const cachedPath = (name: TextName, path: string, options: DatasetOptions): string =>
  resolve(cacheFolder(options), name, basename(path));

/**
 * Texts as people give them, `c4` and `wikitext2` among them, to paths; a file of such a name is given as `./c4`.
 * @throws as {@link namedDataset}
 */
export async function resolveTextFiles(
  names: readonly string[],
  use: TextUse,
  options: DatasetOptions = {},
): Promise<readonly string[]> {
  const files: string[] = [];
  for (const name of names) {
    files.push(...(isTextName(name) ? await namedDataset(name, use, options) : [name]));
  }
  return files;
}

/** Those of the texts that are at hand: paths, and names whose file is in the cache. Asks no hub. */
export async function textFilesAtHand(
  names: readonly string[],
  use: TextUse,
  options: DatasetOptions = {},
): Promise<readonly string[]> {
  const files: string[] = [];
  for (const name of names) {
    if (!isTextName(name)) files.push(name);
    else {
      const { [use]: path } = DATASETS[name] as Dataset;
      if (typeof path !== "string") continue;
      const target = cachedPath(name, path, options);
      if ((await sizeOf(target)) !== null) files.push(target);
    }
  }
  return files;
}
