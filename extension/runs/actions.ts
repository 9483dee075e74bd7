/** What can be done with a run: commands of the Runs view, of notifications and of the palette. */
import { join } from "node:path";
import { commands, env, ProgressLocation, Uri, window, workspace } from "vscode";
import type { Disposable } from "../disposable.ts";
import { CANCEL, LOG, REMOVE, RESUME, type JobInfo } from "../../daemon/protocol.ts";
import { register, registerRunning } from "../commands.ts";
import type { Host } from "../host.ts";
import type { Panels } from "../panels/index.ts";
import type { Notifications } from "./notifications.ts";
import { runOf } from "./pick.ts";

export function registerRunActions(
  host: Host,
  panels: Panels,
  notifications: Notifications,
): Disposable[] {
  const { client, texts } = host;
  const pick = (argument: unknown, suits: (job: JobInfo) => boolean, none: string) =>
    runOf(host, argument, suits, none);

  return [
    registerRunning("resume", async (argument) => {
      const job = await pick(argument, ({ resumable }) => resumable, "No run waits to be resumed.");
      if (!job) return;
      notifications.await(job.id);
      await client.request(RESUME, { id: job.id });
      await panels.openRun(job.id);
    }),
    register("cancel", async (argument) => {
      const job = await pick(argument, isActive, "Nothing runs that could be cancelled.");
      if (!job) return;
      await window.withProgress(
        { location: ProgressLocation.Notification, title: `Cancelling ${job.title} …` },
        () => client.request(CANCEL, { id: job.id }),
      );
    }),
    register("remove", async (argument) => {
      const job = await pick(argument, (one) => !isActive(one), "There is no run to remove.");
      if (!job) return;
      const deleteWork = await mayRemove(job);
      if (deleteWork !== null) await client.request(REMOVE, { id: job.id, deleteWork });
    }),
    register("openRun", async (argument) => {
      const job = await pick(argument, () => true, "There are no runs yet.");
      if (job) await panels.openRun(job.id);
    }),
    register("showLog", async (argument) => {
      const job = await pick(argument, () => true, "There are no runs yet.");
      if (job) await showLog(job);
    }),
    register("openOutput", async (argument) => {
      const output = await outputOf(argument);
      if (output !== undefined) await revealFolder(output);
    }),
    register("openReport", async (argument) => {
      const output = await outputOf(argument);
      if (output === undefined) return;
      // A browser can open the page only where it is: on a remote machine the layer map shows the same figures.
      if (env.remoteName === undefined) {
        await env.openExternal(Uri.file(join(output, "denoise-report.html")));
      } else {
        await panels.openLayerMap({ checkpoint: output });
      }
    }),
  ];

  /** Pages of an output that is of no job name its folder. */
  async function outputOf(argument: unknown): Promise<string | undefined> {
    const folder = folderIn(argument);
    if (folder !== undefined) return folder;
    const job = await pick(argument, isPruned, NO_OUTPUT);
    return job?.result?.kind === "prune" ? job.result.output : undefined;
  }

  async function showLog(job: JobInfo): Promise<void> {
    const { text } = await client.request(LOG, { id: job.id });
    await texts.show(`${job.title}.log`, text === "" ? "The worker has printed nothing.\n" : text);
  }
}

const folderIn = (argument: unknown): string | undefined =>
  typeof argument === "object" &&
  argument !== null &&
  "checkpoint" in argument &&
  typeof argument.checkpoint === "string"
    ? argument.checkpoint
    : undefined;

const NO_OUTPUT = "No pruning is done yet.";
const isActive = ({ state }: JobInfo): boolean => state === "running" || state === "queued";
const isPruned = ({ result }: JobInfo): boolean => result?.kind === "prune";

/** In the explorer where it is part of the workspace, else with the system's file manager, else in a new window. */
async function revealFolder(folder: string): Promise<void> {
  const uri = Uri.file(folder);
  if (workspace.getWorkspaceFolder(uri)) await commands.executeCommand("revealInExplorer", uri);
  else if (env.remoteName === undefined) await commands.executeCommand("revealFileInOS", uri);
  else await commands.executeCommand("vscode.openFolder", uri, { forceNewWindow: true });
}

/** @returns whether to delete finished layers too; null: leave it as it is */
async function mayRemove(job: JobInfo): Promise<boolean | null> {
  if (job.state === "done" || job.work === null) return false;
  const answer = await window.showWarningMessage(
    `Remove ${job.title} from the list?`,
    {
      modal: true,
      detail: `Its finished layers are in ${job.work}. Without them the run cannot be resumed.`,
    },
    "Remove and Delete Layers",
    "Remove, Keep Layers",
  );
  return answer === undefined ? null : answer === "Remove and Delete Layers";
}
