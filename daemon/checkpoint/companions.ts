/**
 * The files of a Hugging Face folder that belong to the model but are not its weights: an output folder gets copies
 * of them.
 *
 * Left behind on purpose: weights and indexes in any format, `config.json` (written anew), the model card (its
 * figures are the dense model's), and Python code (the output brings its own where it needs any).
 */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { readError, statIfThere } from "./fileAccess.ts";
import { isPickleName } from "./locate.ts";

export interface CompanionFile {
  readonly name: string;
  /** Absolute, links not resolved. */
  readonly path: string;
  readonly bytes: number;
}

const COMPANIONS = [
  // mistral-common's own are tekken.json and tokenizer.model.v3.
  /^tokenizer.*\.(json|model(\.v\d+)?|txt|tiktoken)$/i,
  /^(special_tokens_map|added_tokens|generation_config|chat_template|tekken)\.json$/,
  /\.(jinja|tiktoken)$/,
  /^(vocab\.(json|txt)|merges\.txt|spiece\.model|sentencepiece.*\.model)$/,
  // A model's licence travels with every derived model.
  /^(licen[cs]e|notice|use_policy)(\.(md|txt|rst|pdf))?$/i,
] as const;

/** Whether a file of this name belongs to a model beside its weights and `config.json`. */
export const isCompanionName = (name: string): boolean =>
  !isPickleName(name) &&
  !name.endsWith(".index.json") &&
  COMPANIONS.some((pattern) => pattern.test(name));

/**
 * Files directly in `root` to carry over, sorted by name.
 * @throws DenoiseError `checkpoint/not-found`, `checkpoint/unreadable`
 */
export async function companionFiles(root: string): Promise<readonly CompanionFile[]> {
  const names = await readdir(root).catch((cause: unknown) => {
    throw readError(root, cause);
  });
  const found: CompanionFile[] = [];
  for (const name of names.filter(isCompanionName).sort()) {
    const path = join(root, name);
    const stats = await statIfThere(path);
    if (stats?.isFile()) found.push({ name, path, bytes: stats.size });
  }
  return found;
}
