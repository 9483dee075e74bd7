/** What a command is about: from the explorer, an editor's title, a code lens or the palette to a path. */
import { basename, dirname, join } from "node:path";
import { readdir } from "node:fs/promises";
import { Uri, window, workspace } from "vscode";
import type { LensArgument } from "../../daemon/protocol.ts";

const WEIGHTS = ".safetensors";
const INDEX = ".safetensors.index.json";

/** The path a person clicked on, or asked for with the active editor or a dialog; undefined where they gave up. */
export async function checkpointOf(
  argument: unknown,
  choose: () => Promise<string | undefined>,
): Promise<string | undefined> {
  if (argument instanceof Uri) return argument.scheme === "file" ? argument.fsPath : undefined;
  if (isLensArgument(argument)) {
    return "checkpoint" in argument ? argument.checkpoint : argument.file;
  }
  return activeCheckpoint() ?? (await choose());
}

function isLensArgument(value: unknown): value is LensArgument {
  if (typeof value !== "object" || value === null) return false;
  return (
    ("checkpoint" in value && typeof value.checkpoint === "string") ||
    ("file" in value && typeof value.file === "string")
  );
}

/** That of the editor with the focus. */
function activeCheckpoint(): string | undefined {
  const input = window.tabGroups.activeTabGroup.activeTab?.input;
  const uri = typeof input === "object" && input !== null && "uri" in input ? input.uri : undefined;
  if (!(uri instanceof Uri) || uri.scheme !== "file") return undefined;
  return isWeights(uri.fsPath) || basename(uri.fsPath) === "config.json" ? uri.fsPath : undefined;
}

export const isWeights = (path: string): boolean => path.endsWith(WEIGHTS) || path.endsWith(INDEX);

/** Folder of a checkpoint named by the folder itself or by a file in it. */
export const folderOf = (path: string): string =>
  isWeights(path) || basename(path) === "config.json" ? dirname(path) : path;

/** The file of a checkpoint that the tensor editor opens: its index, or its only weights. */
export async function weightsOf(path: string): Promise<string | undefined> {
  if (isWeights(path)) return path;
  const folder = folderOf(path);
  const names = (await readdir(folder)).filter(isWeights).toSorted();
  const name =
    names.find((one) => one.endsWith(INDEX)) ??
    names.find((one) => one === "model.safetensors") ??
    names[0];
  return name === undefined ? undefined : join(folder, name);
}

/** Folders with weights and a config below the workspace. */
export async function findCheckpoints(): Promise<string[]> {
  const found = await workspace.findFiles(
    "**/*.safetensors",
    "**/{node_modules,.git,.denoise-rotator}/**",
  );
  const folders = new Set(
    found.filter(({ scheme }) => scheme === "file").map(({ fsPath }) => dirname(fsPath)),
  );
  const isCheckpoint = await Promise.all([...folders].map(hasConfig));
  return [...folders].filter((_, i) => isCheckpoint[i]).toSorted();
}

const hasConfig = async (folder: string): Promise<boolean> =>
  (await namesIn(folder)).includes("config.json");

/** None where the folder cannot be read. */
export const namesIn = (folder: string): Promise<string[]> =>
  readdir(folder).catch((): string[] => []);

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
