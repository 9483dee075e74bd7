/** A model of a hub as a folder that the other commands take. */
import { mkdir, readFile, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { connect } from "./connection.ts";
import * as errors from "./errors.ts";
import type { Subject } from "./errors.ts";
import { listRepository, parseRepository, resolveCommit } from "./repository.ts";
import type { HubFile } from "./repository.ts";
import { readSettings } from "./settings.ts";
import type { HubOptions } from "./settings.ts";
import { SOURCE_FILE, readSource, sourceFiles, writeSource } from "./source.ts";
import { transfer } from "./transfer.ts";
import { transferAll } from "./transferAll.ts";
import { shardsOf, wantedFiles } from "./wanted.ts";

export interface DownloadedModel {
  /** Absolute path of the folder. */
  readonly folder: string;
  readonly repository: string;
  readonly revision: string;
  /** What the revision meant: 40 hexadecimal digits. */
  readonly commit: string;
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  readonly bytes: number;
}

/** Larger is no index: that of a model with 100,000 tensors has some 10 MB. */
const INDEX_LIMIT = 1 << 26;

/**
 * Downloads `repository` (`organisation/name`, or `organisation/name@revision`) into `folder`: safetensors weights,
 * config, tokenizer, licence. Every file is checked against the hub's checksum and appears whole or not at all; a
 * stopped download goes on where it was when the call is repeated, and a finished one is checked again. The commit is
 * pinned in {@link SOURCE_FILE} before the first file.
 *
 * @param folder new, empty, or what an earlier call for the same commit left
 * @throws hub/bad-repository, hub/bad-endpoint, hub/bad-token, hub/offline, hub/gated, hub/repository-missing,
 *   hub/revision-missing, hub/token-refused, hub/unavailable, hub/unexpected-answer, hub/no-config, hub/no-weights,
 *   hub/ambiguous-weights, hub/bad-index, hub/file-missing, hub/folder-taken, hub/other-model, hub/other-commit,
 *   hub/disk-full, hub/unwritable, hub/unreadable, hub/corrupt, hub/interrupted, hub/cancelled
 */
export async function downloadModel(
  repository: string,
  folder: string,
  options: HubOptions = {},
): Promise<DownloadedModel> {
  const { signal, onProgress } = options;
  const settings = await readSettings(options);
  const root = resolve(folder);
  const { name, revision } = parseRepository(repository);
  const subject: Subject = {
    type: "model",
    name,
    revision,
    page: `${settings.endpoint}/${name}`,
    byHand:
      `Without a network: copy the model's config.json, tokenizer files and .safetensors files (with their ` +
      `.index.json) from a machine that has them into ${root}; every command takes that folder as it is.`,
    hasToken: settings.token !== null,
  };
  const connection = connect(settings, subject, signal);
  const commit = await resolveCommit(connection);
  const listed = await listRepository(connection, commit);
  const wanted = wantedFiles(subject, listed);

  await claim(root, subject, commit);
  const sourcePath = join(root, SOURCE_FILE);
  const source = { type: subject.type, repository: name, revision, commit };
  await writeSource(sourcePath, { ...source, complete: false, files: [] });

  const place = (file: HubFile) => ({ file, target: join(root, file.path) });
  const { index, single, beside } = wanted;
  let weights: readonly HubFile[];
  if (index === null) {
    weights = single === null ? [] : [single];
  } else {
    if (index.size > INDEX_LIMIT) throw errors.badIndex(subject, index.path, "it is too large");
    const { target } = place(index);
    await transfer(connection, commit, place(index), () => undefined);
    const json = await readFile(target, "utf8").catch((cause: unknown) => {
      throw errors.unreadable(target, cause);
    });
    weights = [index, ...shardsOf(subject, index, json, listed)];
  }
  const files = [...beside, ...weights];
  await transferAll(
    (inner) => connect(settings, subject, inner),
    signal,
    commit,
    root,
    files.map(place),
    onProgress,
  );
  await writeSource(sourcePath, { ...source, complete: true, files: sourceFiles(files) });
  return {
    folder: root,
    repository: name,
    revision,
    commit,
    files: files.map(({ path, size }) => ({ path, bytes: size })),
    bytes: files.reduce((sum, { size }) => sum + size, 0),
  };
}

/** Makes the folder, or sees that it may be gone on with. Files of one commit never get among those of another. */
async function claim(root: string, subject: Subject, commit: string): Promise<void> {
  let names: string[];
  try {
    await mkdir(root, { recursive: true });
    names = await readdir(root);
  } catch (cause) {
    throw errors.unwritable(root, cause);
  }
  if (names.length === 0) return;
  const source = await readSource(join(root, SOURCE_FILE));
  if (source === null) throw errors.folderTaken(root);
  if (source.repository !== subject.name) {
    throw errors.otherModel(root, source.repository, subject.name);
  }
  if (source.commit !== commit) throw errors.otherCommit(root, subject, source.commit, commit);
}
