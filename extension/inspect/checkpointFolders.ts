/**
 * Tells the menus which folders are checkpoints: `when` clauses cannot look into folders. The context key
 * `denoise-rotator.checkpointFolders` holds those with weights and a config, in the workspace or open in an editor.
 */
import { dirname } from "node:path";
import { commands, window, workspace } from "vscode";
import type { Disposable } from "../disposable.ts";
import { findCheckpoints, isWeights } from "./target.ts";

const KEY = "denoise-rotator.checkpointFolders";
/** A checkpoint is copied file by file, a run writes shard by shard. */
const SETTLE_MS = 300;

export function watchCheckpointFolders(): Disposable[] {
  let timer: NodeJS.Timeout | undefined;
  const look = async () => {
    const opened = window.tabGroups.all.flatMap(({ tabs }) =>
      tabs.flatMap(({ input }) => {
        const uri =
          typeof input === "object" && input !== null && "uri" in input ? input.uri : null;
        const path = isFileUri(uri) ? uri.fsPath : "";
        return isWeights(path) ? [dirname(path)] : [];
      }),
    );
    const folders = new Set([...(await findCheckpoints()), ...opened]);
    await commands.executeCommand("setContext", KEY, [...folders]);
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => void look(), SETTLE_MS);
  };
  const watcher = workspace.createFileSystemWatcher("**/{config.json,*.safetensors}", false, true);
  soon();
  return [
    watcher,
    watcher.onDidCreate(soon),
    watcher.onDidDelete(soon),
    workspace.onDidChangeWorkspaceFolders(soon),
    window.tabGroups.onDidChangeTabs(soon),
    {
      dispose: () => {
        clearTimeout(timer);
      },
    },
  ];
}

const isFileUri = (uri: unknown): uri is { readonly fsPath: string } =>
  typeof uri === "object" &&
  uri !== null &&
  "fsPath" in uri &&
  "scheme" in uri &&
  uri.scheme === "file";
