/** Open Sample Checkpoint: a copy of the bundled one, so that a person can do with it what they like. */
import { basename, join } from "node:path";
import { commands, env, Uri, window, workspace } from "vscode";

const NAME = "denoise-rotator-sample";

/**
 * @param extension folder of the extension
 * @param copied called when the copy is whole
 */
export async function openSample(extension: Uri, copied: () => void): Promise<void> {
  const folder = await chooseFolder();
  if (!folder) return;
  const target = Uri.joinPath(folder, NAME);
  if (!(await exists(target))) {
    await workspace.fs.copy(Uri.joinPath(extension, "media", "sample"), target);
    copied();
  }
  if (workspace.getWorkspaceFolder(target)) {
    await commands.executeCommand("revealInExplorer", Uri.joinPath(target, "config.json"));
    const answer = await window.showInformationMessage(
      `The sample, a language model of a million parameters, is in ${NAME}.`,
      "Prune",
      "Inspect Layers",
    );
    if (answer === "Prune") await commands.executeCommand("denoise-rotator.prune", target);
    if (answer === "Inspect Layers")
      await commands.executeCommand("denoise-rotator.inspect", target);
  } else {
    await commands.executeCommand("vscode.openFolder", target);
  }
}

/** Where the copy goes. */
async function chooseFolder(): Promise<Uri | undefined> {
  const open = workspace.workspaceFolders?.filter(({ uri }) => uri.scheme === "file") ?? [];
  const choices = [
    ...open.map(({ name, uri }) => ({
      label: `$(root-folder) ${name}`,
      description: join(basename(uri.fsPath), NAME),
      uri,
    })),
    { label: "$(folder-opened) Another Folder…", description: env.remoteName ?? "", uri: null },
  ];
  const picked =
    open.length === 0
      ? choices[0]
      : await window.showQuickPick(choices, { title: "Copy the sample checkpoint into" });
  if (!picked) return undefined;
  if (picked.uri) return picked.uri;
  const chosen = await window.showOpenDialog({
    canSelectFolders: true,
    canSelectFiles: false,
    openLabel: "Copy the Sample Here",
  });
  return chosen?.[0];
}

const exists = (uri: Uri): Promise<boolean> =>
  Promise.resolve(workspace.fs.stat(uri)).then(
    () => true,
    () => false,
  );
