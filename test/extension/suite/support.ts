import { strict as assert } from "node:assert";
import { join } from "node:path";
import { extensions, Uri, workspace, type Extension } from "vscode";

export const extension = (): Extension<unknown> => {
  const found = extensions.getExtension("denoise-rotator.denoise-rotator");
  assert(found, "the extension is installed");
  return found;
};

/** A file of the test's workspace. */
export function inWorkspace(...parts: string[]): Uri {
  const folder = workspace.workspaceFolders?.[0];
  assert(folder, "a folder is open");
  return Uri.file(join(folder.uri.fsPath, ...parts));
}

/** What `look` finds as soon as it finds something. */
export async function until<T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
  seconds = 60,
): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`${what}: waited ${seconds} s in vain`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
