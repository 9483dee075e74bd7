/** Runs as the workbench shows them: tree, status bar, notifications, commands. */
import { commands, window } from "vscode";
import type { Disposable } from "../disposable.ts";
import type { Host } from "../host.ts";
import type { Panels } from "../panels/index.ts";
import { registerRunActions } from "./actions.ts";
import { Notifications } from "./notifications.ts";
import { showInStatusBar } from "./statusBar.ts";
import { RunTree } from "./tree.ts";

export { idOf, runOf } from "./pick.ts";
export { JOB_NOTIFICATIONS, JobStore, type RunStore } from "./store.ts";
export { bytes, duration } from "./words.ts";

export interface Runs extends Disposable {
  /** The person wants to know how this run ends, also after a reload. */
  await(id: string): void;
}

export function registerRuns(host: Host, panels: Panels): Runs {
  const { context, client, runs } = host;
  const notifications = new Notifications(context.workspaceState, runs);
  const tree = new RunTree(client, runs);
  const view = window.createTreeView("denoise-rotator.runs", { treeDataProvider: tree });
  const badge = () => {
    const active =
      client.state === "lost" ? 0 : runs.all().filter(({ state }) => state === "running").length;
    view.badge = active > 0 ? { value: active, tooltip: `${active} running` } : undefined;
  };
  // Not while it is not known: a person who has runs must not be greeted as a newcomer.
  const greet = () => {
    const none = client.state === "ready" && runs.all().length === 0;
    void commands.executeCommand("setContext", "denoise-rotator.noRuns", none);
  };
  const parts: Disposable[] = [
    notifications,
    tree,
    view,
    runs.onChange(badge),
    client.onState(badge),
    runs.onChange(greet),
    client.onState(greet),
    // Runs of a machine that was restarted are known to the daemon only.
    view.onDidChangeVisibility(({ visible }) => {
      if (visible && client.state === "off") void client.start().catch(() => undefined);
    }),
    ...showInStatusBar(client, runs),
    ...registerRunActions(host, panels, notifications),
  ];
  return {
    await: (id) => {
      notifications.await(id);
    },
    dispose: () => {
      for (const part of parts) part.dispose();
    },
  };
}
