/** How commands are registered: one catch for all, which shows what went wrong. */
import { commands, window, workspace } from "vscode";
import type { Disposable } from "./disposable.ts";
import { daemonErrorOf } from "./errors.ts";

/** `id` without the extension's prefix. */
export const register = (id: string, run: (...args: readonly unknown[]) => unknown): Disposable =>
  commands.registerCommand(`denoise-rotator.${id}`, async (...args: unknown[]) => {
    try {
      return await run(...args);
    } catch (error) {
      showFailure(error);
    }
  });

/** As {@link register}, for what computes on the machine: not in a workspace that the person does not trust. */
export const registerRunning = (
  id: string,
  run: (...args: readonly unknown[]) => unknown,
): Disposable => register(id, (...args) => (mayRun() ? run(...args) : undefined));

/** Whether the person trusts the workspace; where not, they are told what that means. */
export function mayRun(): boolean {
  if (workspace.isTrusted) return true;
  void window
    .showWarningMessage(
      "Pruning and evaluating need a trusted workspace. Checkpoints can be inspected without.",
      "Manage Trust",
    )
    .then((answer) => {
      if (answer) void commands.executeCommand("workbench.trust.manage");
    });
  return false;
}

export function showFailure(thrown: unknown): void {
  const error = daemonErrorOf(thrown);
  if (error.kind === "cancelled") return;
  const action = ACTIONS[error.code] ?? SHOW_LOG;
  void window.showErrorMessage(error.message, action.title).then((answer) => {
    if (answer) void commands.executeCommand(action.command, ...action.args);
  });
}

interface Action {
  readonly title: string;
  readonly command: string;
  readonly args: readonly unknown[];
}
const SHOW_LOG: Action = {
  title: "Show Output",
  command: "denoise-rotator.showOutput",
  args: [],
};
const ACTIONS: Readonly<Record<string, Action>> = {
  "daemon/no-node": {
    title: "Open Setting",
    command: "workbench.action.openSettings",
    args: ["denoise-rotator.nodePath"],
  },
};
