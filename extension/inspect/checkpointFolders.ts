/**
 * Tells the menus which folders are checkpoints: `when` clauses cannot look into folders. The context key
 * `denoise-rotator.checkpointFolders` holds those with weights and a config, in the workspace or open in an editor.
 */
import { stat } from "node:fs/promises";
import { basename, dirname, sep } from "node:path";
import { commands, Uri, window, workspace, type Event } from "vscode";
import { isWeights, withConfig } from "../checkpointFiles.ts";
import type { Disposable } from "../disposable.ts";
import type { RunStore } from "../runs/index.ts";
import { findCheckpoints } from "./target.ts";

const KEY = "denoise-rotator.checkpointFolders";
/** A checkpoint is copied file by file, a run writes shard by shard. */
const SETTLE_MS = 300;
/** Where no checkpoint is looked for: a run at work writes there all the time. */
const ELSEWHERE = /[\\/](node_modules|\.git|\.denoise-rotator)([\\/]|$)/;

/** @param copied a checkpoint was copied into the workspace by ourselves: VS Code need not watch its files yet */
export function watchCheckpointFolders(
  runs: Pick<RunStore, "onChange">,
  copied: Event<void>,
): Disposable[] {
  let searching: NodeJS.Timeout | undefined;
  let telling: NodeJS.Timeout | undefined;
  /** The newest of each; what an older one finds late is dropped. */
  const newest = { search: 0, look: 0 };
  let found: readonly string[] = [];
  let told = "";

  /** Cheap: the folders of open editors are looked into, the workspace is not. */
  const tell = async () => {
    const look = ++newest.look;
    const folders = [...found, ...(await openedCheckpoints())];
    const keys = [...new Set(folders.flatMap(pathsOf))];
    if (look !== newest.look || keys.join("\n") === told) return;
    told = keys.join("\n");
    await commands.executeCommand("setContext", KEY, keys);
  };
  const search = async () => {
    const own = ++newest.search;
    const folders = await findCheckpoints();
    if (own !== newest.search) return;
    found = folders;
    await tell();
  };
  const tellSoon = () => {
    clearTimeout(telling);
    telling = setTimeout(() => void tell(), SETTLE_MS);
  };
  const searchSoon = () => {
    clearTimeout(searching);
    searching = setTimeout(() => void search(), SETTLE_MS);
  };
  const came = async ({ fsPath }: Uri) => {
    if (ELSEWHERE.test(fsPath)) return;
    // A folder that is moved here comes whole; of one that is copied the first files may be there before it is watched.
    if (isPart(fsPath) || (await isFolder(fsPath))) searchSoon();
  };
  const went = ({ fsPath }: Uri) => {
    if (ELSEWHERE.test(fsPath)) return;
    // With a folder go its files, and nothing is told of them.
    const lost = found.some((folder) => `${folder}${sep}`.startsWith(`${fsPath}${sep}`));
    if (isPart(fsPath) || lost) searchSoon();
  };

  const watcher = workspace.createFileSystemWatcher("**", false, true);
  searchSoon();
  return [
    watcher,
    watcher.onDidCreate(came),
    watcher.onDidDelete(went),
    copied(searchSoon),
    workspace.onDidChangeWorkspaceFolders(searchSoon),
    workspace.onDidCreateFiles(searchSoon),
    workspace.onDidRenameFiles(searchSoon),
    runs.onChange((job) => {
      if (job?.state === "done") searchSoon();
    }),
    window.tabGroups.onDidChangeTabs(tellSoon),
    {
      dispose: () => {
        clearTimeout(searching);
        clearTimeout(telling);
      },
    },
  ];
}

/** What makes its folder a checkpoint. */
const isPart = (path: string): boolean => isWeights(path) || basename(path) === "config.json";

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

/** Of weights that are open in an editor, also outside the workspace. */
function openedCheckpoints(): Promise<string[]> {
  const folders = window.tabGroups.all.flatMap(({ tabs }) =>
    tabs.flatMap(({ input }) => {
      const uri = typeof input === "object" && input !== null && "uri" in input ? input.uri : null;
      return isFileUri(uri) && isWeights(uri.fsPath) ? [dirname(uri.fsPath)] : [];
    }),
  );
  return withConfig(folders);
}

/**
 * As a clause may see the folder: a window on another system than this one, which computes, writes a path of Windows
 * as that of a URI, `/c:/models`.
 */
const pathsOf = (folder: string): string[] => {
  const { fsPath, path } = Uri.file(folder);
  return [fsPath, path];
};

const isFileUri = (uri: unknown): uri is { readonly fsPath: string } =>
  typeof uri === "object" &&
  uri !== null &&
  "fsPath" in uri &&
  "scheme" in uri &&
  uri.scheme === "file";
