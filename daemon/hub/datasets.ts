/** The texts that the field calibrates and measures on, by name: fetched once into the user's cache. */
import { mkdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { connect } from "./connection.ts";
import * as errors from "./errors.ts";
import type { Subject } from "./errors.ts";
import { findFile, resolveCommit } from "./repository.ts";
import { defaultCacheFolder, readSettings } from "./settings.ts";
import type { HubOptions } from "./settings.ts";
import { sourceFiles, writeSource } from "./source.ts";
import { sizeOf } from "./transfer.ts";
import { transferAll } from "./transferAll.ts";

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
} as const satisfies Readonly<Record<string, Dataset>>;

export type DatasetName = keyof typeof DATASETS;
export const DATASET_NAMES = Object.keys(DATASETS) as readonly DatasetName[];

export interface DatasetOptions extends HubOptions {
  /** Folder of the cache; `denoise-rotator` in XDG_CACHE_HOME or `~/.cache` unless given. */
  readonly cacheDir?: string | undefined;
}

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
  name: DatasetName,
  use: TextUse,
  options: DatasetOptions = {},
): Promise<readonly string[]> {
  const dataset: Dataset = DATASETS[name];
  const path = dataset[use];
  if (typeof path !== "string") throw errors.noEvaluationText(name, path.none);

  const cache = options.cacheDir ?? defaultCacheFolder(options.env ?? process.env);
  const target = resolve(cache, name, basename(path));
  if ((await sizeOf(target)) !== null) return [target];

  const settings = await readSettings(options);
  const subject: Subject = {
    type: "dataset",
    name: dataset.repository,
    revision: "main",
    page: `${settings.endpoint}/datasets/${dataset.repository}`,
    byHand:
      `Without a network: fetch ${path} of the data set ${dataset.repository} where there is one and put it to ` +
      `${target}; or give a text file of your own instead of ${name}.`,
    hasToken: settings.token !== null,
  };
  const connection = connect(settings, subject, options.signal);
  const commit = await resolveCommit(connection);
  const file = await findFile(connection, commit, path);
  const folder = dirname(target);
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw errors.unwritable(folder, cause);
  });
  await transferAll(
    (inner) => connect(settings, subject, inner),
    options.signal,
    commit,
    folder,
    [{ file, target }],
    options.onProgress,
  );
  await writeSource(join(folder, `${basename(path)}.source.json`), {
    type: "dataset",
    repository: dataset.repository,
    revision: subject.revision,
    commit,
    complete: true,
    files: sourceFiles([file]),
  });
  return [target];
}

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
    const known = DATASET_NAMES.find((candidate) => candidate === name);
    files.push(...(known === undefined ? [name] : await namedDataset(known, use, options)));
  }
  return files;
}
