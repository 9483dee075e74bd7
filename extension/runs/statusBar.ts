/** The status bar: what runs, where, and how far it is, or that this is not known. Hidden while nothing runs. */
import { StatusBarAlignment, window } from "vscode";
import type { Disposable } from "../disposable.ts";
import type { JobInfo } from "../../daemon/protocol.ts";
import type { DaemonClient } from "../daemonClient.ts";
import type { RunStore } from "./store.ts";
import { percent, shortDevice, standing } from "./words.ts";

export function showInStatusBar(
  client: Pick<DaemonClient, "state" | "onState">,
  runs: RunStore,
): Disposable[] {
  const item = window.createStatusBarItem("denoise-rotator.run", StatusBarAlignment.Left, 10);
  item.name = "DenoiseRotator Run";
  const draw = () => {
    if (client.state === "lost") {
      item.text = "$(debug-disconnect) DenoiseRotator: Disconnected";
      item.tooltip = "The daemon is not there: what its runs do is not known. Click to connect.";
      item.accessibilityInformation = { label: "DenoiseRotator: disconnected. Connect" };
      item.command = "denoise-rotator.reconnect";
      item.show();
      return;
    }
    const active = runs.all().filter(({ state }) => state === "running" || state === "queued");
    const job = active.find(({ state }) => state === "running") ?? active[0];
    if (!job) {
      item.hide();
      return;
    }
    const more = active.length > 1 ? ` (+${active.length - 1})` : "";
    item.text = `$(${job.state === "running" ? "sync~spin" : "clock"}) ${brief(job)}${more}`;
    item.tooltip = `${job.title}\n${standing(job)}${job.device === null ? "" : `\n${job.device}`}`;
    item.accessibilityInformation = { label: `DenoiseRotator: ${job.title}, ${standing(job)}` };
    item.command = {
      title: "Open Run",
      command: "denoise-rotator.openRun",
      arguments: [{ job: job.id }],
    };
    item.show();
  };
  draw();
  return [item, runs.onChange(draw), client.onState(draw)];
}

function brief({ state, progress, device }: JobInfo): string {
  if (state === "queued") return "Pruning queued";
  const where = device === null ? "" : ` · ${shortDevice(device)}`;
  if (!progress) return `Starting${where}`;
  const { layer, layers, fraction } = progress;
  const at = layer === null ? "" : ` · layer ${layer + 1}/${layers}`;
  return `${percent(fraction)}${at}${where}`;
}
