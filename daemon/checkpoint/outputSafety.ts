/** May this folder be written? Asked before any work begins. */

import { constants } from "node:fs";
import { access, lstat, readdir, realpath } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { isMissing, statIfThere } from "./fileAccess.ts";
import * as errors from "./outputErrors.ts";
import { stagingOf } from "./writer.ts";

/**
 * Refuses an output that lies in the input folder or around it (links resolved), that exists and is not empty, or
 * that cannot be created. Work in progress lives beside the output, so its parent must be writable.
 *
 * @param inputRoot folder of the input checkpoint, which is never written to
 * @returns the absolute path of the output
 * @throws DenoiseError of kind `usage`: `checkpoint/output-inside-input`, `checkpoint/output-contains-input`,
 *   `checkpoint/output-exists`, `checkpoint/output-is-current-folder`, `checkpoint/output-not-folder`,
 *   `checkpoint/output-link-broken`, `checkpoint/output-read-only`, `checkpoint/output-name-too-long`
 */
export async function assertOutputAllowed(outDir: string, inputRoot: string): Promise<string> {
  const out = resolve(outDir);
  const realOut = await realPathOf(out);
  const realInput = await realPathOf(resolve(inputRoot));
  if (contains(realInput, realOut)) throw errors.outputInsideInput(out, inputRoot);
  if (contains(realOut, realInput)) throw errors.outputContainsInput(out, inputRoot);

  const stats = await statIfThere(out);
  if (!stats && (await isLink(out))) throw errors.outputLinkBroken(out);
  if (stats && !stats.isDirectory()) throw errors.outputNotFolder(out);
  if (stats && (await namesIn(out)).length > 0) throw errors.outputExists(out);
  if (stats && realOut === (await realPathOf(process.cwd()))) throw errors.outputIsCurrent(out);

  let parent = dirname(out);
  let parentStats = await statIfThere(parent);
  while (!parentStats && parent !== dirname(parent)) {
    parent = dirname(parent);
    parentStats = await statIfThere(parent);
  }
  if (parentStats && !parentStats.isDirectory()) throw errors.outputNotFolder(parent);
  await access(parent, constants.W_OK | constants.X_OK).catch((cause: unknown) => {
    throw errors.outputReadOnly(parent, cause);
  });
  // A link to an empty folder is replaced where it points to: a folder cannot be renamed onto a link.
  const target = stats ? realOut : out;
  // Said now, not when the work is done and cannot be resumed under another name.
  await lstat(stagingOf(join(parent, basename(target)))).catch((cause: unknown) => {
    if (!isMissing(cause)) throw errors.outputError(out, 0, cause);
  });
  return target;
}

const namesIn = (path: string): Promise<string[]> =>
  readdir(path).catch((cause: unknown) => {
    throw errors.outputError(path, 0, cause);
  });

/** Whether a link is at `path`, wherever it points. */
async function isLink(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null))?.isSymbolicLink() === true;
}

/** `path` with the links of its existing part resolved. */
async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (cause) {
    if (!isMissing(cause) || path === dirname(path)) throw errors.outputError(path, 0, cause);
    return join(await realPathOf(dirname(path)), basename(path));
  }
}

/** True where `inner` is `outer` or lies in it; both absolute. */
function contains(outer: string, inner: string): boolean {
  const way = relative(outer, inner);
  return way === "" || (!isAbsolute(way) && way !== ".." && !way.startsWith(`..${sep}`));
}
