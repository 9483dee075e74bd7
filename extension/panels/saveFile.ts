/** Saves what a page made where the person says. */
import { Uri, window, workspace } from "vscode";
import type { SaveMessage } from "../../webview/messages.ts";

export async function saveFile({ name, encoding, data }: SaveMessage): Promise<void> {
  const folder = workspace.workspaceFolders?.[0]?.uri;
  const target = await window.showSaveDialog({
    ...(folder === undefined ? {} : { defaultUri: Uri.joinPath(folder, name) }),
    filters: { [name.split(".").at(-1)?.toUpperCase() ?? "File"]: [name.split(".").at(-1) ?? ""] },
  });
  if (target === undefined) return;
  try {
    await workspace.fs.writeFile(target, Buffer.from(data, encoding));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    void window.showErrorMessage(`${target.fsPath} could not be written: ${why}`);
  }
}
