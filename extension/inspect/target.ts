/** What a command is about: from the explorer, an editor's title, a code lens or the palette to a path. */
import { basename, dirname } from "node:path";
import { Uri, window, workspace } from "vscode";
import { RECIPE_SUFFIX, type LensArgument } from "../../daemon/protocol.ts";
import { hasWeights, isWeights, withConfig } from "../checkpointFiles.ts";

/** The path a person clicked on, or asked for with the active editor or a dialog; undefined where they gave up. */
export async function checkpointOf(
  argument: unknown,
  choose: () => Promise<string | undefined>,
): Promise<string | undefined> {
  if (argument instanceof Uri) {
    if (argument.scheme === "file") return argument.fsPath;
    void window.showWarningMessage(
      `${basename(argument.path)} is not a file on the disk. Save it, or choose the file itself.`,
    );
    return undefined;
  }
  if (isLensArgument(argument)) {
    return "checkpoint" in argument ? argument.checkpoint : argument.file;
  }
  return (await activeCheckpoint()) ?? (await choose());
}

function isLensArgument(value: unknown): value is LensArgument {
  if (typeof value !== "object" || value === null) return false;
  return (
    ("checkpoint" in value && typeof value.checkpoint === "string") ||
    ("file" in value && typeof value.file === "string")
  );
}

/** That of the editor with the focus. */
async function activeCheckpoint(): Promise<string | undefined> {
  const input = window.tabGroups.activeTabGroup.activeTab?.input;
  const uri = typeof input === "object" && input !== null && "uri" in input ? input.uri : undefined;
  if (!(uri instanceof Uri) || uri.scheme !== "file") return undefined;
  const { fsPath } = uri;
  if (isWeights(fsPath)) return fsPath;
  const isConfig = basename(fsPath) === "config.json" && (await hasWeights(dirname(fsPath)));
  return isConfig ? fsPath : undefined;
}

/** From the palette: the recipe that has the focus, also one that is not on the disk. */
export function recipeInEditor(): Uri | undefined {
  const uri = window.activeTextEditor?.document.uri;
  return uri?.path.endsWith(RECIPE_SUFFIX) ? uri : undefined;
}

/** Folders with weights and a config below the workspace. */
export async function findCheckpoints(): Promise<string[]> {
  const found = await workspace.findFiles(
    "**/*.safetensors",
    "**/{node_modules,.git,.denoise-rotator}/**",
  );
  const files = found.filter(({ scheme }) => scheme === "file");
  return (await withConfig(files.map(({ fsPath }) => dirname(fsPath)))).toSorted();
}

/** One of the workspace's checkpoints, or a folder from a dialog. */
export async function chooseCheckpoint(): Promise<string | undefined> {
  const checkpoints = await findCheckpoints();
  const browse = { label: "$(folder-opened) Choose a Folder…", path: null };
  const picked = await window.showQuickPick(
    [
      ...checkpoints.map((path) => ({
        label: `$(package) ${basename(path)}`,
        description: workspace.asRelativePath(path),
        path,
      })),
      browse,
    ],
    { title: "Which checkpoint?", matchOnDescription: true },
  );
  if (!picked) return undefined;
  if (picked.path !== null) return picked.path;
  const chosen = await window.showOpenDialog({
    canSelectFolders: true,
    canSelectFiles: false,
    openLabel: "Use This Checkpoint",
  });
  return chosen?.[0]?.fsPath;
}
