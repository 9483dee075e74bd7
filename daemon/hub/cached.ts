/** Files of a data set, fetched once into the user's cache. */
import { mkdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Text } from "../wording.ts";
import { connect, type Connection } from "./connection.ts";
import * as errors from "./errors.ts";
import type { Subject } from "./errors.ts";
import { resolveCommit, type HubFile } from "./repository.ts";
import { defaultCacheFolder, readSettings, type HubOptions } from "./settings.ts";
import { sourceFiles, writeSource } from "./source.ts";
import { transferAll } from "./transferAll.ts";

export interface DatasetOptions extends HubOptions {
  /** Folder of the cache; `denoise-rotator` in XDG_CACHE_HOME or `~/.cache` unless given. */
  readonly cacheDir?: string | undefined;
}

export const cacheFolder = (options: DatasetOptions): string =>
  options.cacheDir ?? defaultCacheFolder(options.env ?? process.env);

export interface CachedFiles {
  /** `organisation/name` */
  readonly repository: string;
  readonly revision: string;
  /** What to do without a network: a whole sentence that names the files and where to put them. */
  readonly byHand: Text;
  /** Finds the files, with the path that each shall have; all in one folder. */
  readonly choose: (
    connection: Connection,
    commit: string,
  ) => Promise<readonly { readonly file: HubFile; readonly target: string }[]>;
}

/**
 * Fetches what is not there yet; the commit is in `<first file>.source.json` beside it.
 * @throws hub/offline, hub/file-missing, hub/disk-full, hub/corrupt, hub/interrupted, hub/cancelled and the others of a
 *   download
 */
export async function fetchIntoCache(wanted: CachedFiles, options: DatasetOptions): Promise<void> {
  const settings = await readSettings(options);
  const { repository, revision, byHand } = wanted;
  const subject: Subject = {
    type: "dataset",
    name: repository,
    revision,
    page: `${settings.endpoint}/datasets/${repository}`,
    byHand,
    hasToken: settings.token !== null,
  };
  const connection = connect(settings, subject, options.signal);
  const commit = await resolveCommit(connection);
  const transfers = await wanted.choose(connection, commit);
  const [first] = transfers;
  if (first === undefined) return;
  const folder = dirname(first.target);
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw errors.unwritable(folder, cause);
  });
  await transferAll(
    (inner) => connect(settings, subject, inner),
    options.signal,
    commit,
    folder,
    transfers,
    options.onProgress,
  );
  await writeSource(join(folder, `${basename(first.target)}.source.json`), {
    type: "dataset",
    repository,
    revision,
    commit,
    complete: true,
    files: sourceFiles(transfers.map(({ file }) => file)),
  });
}
