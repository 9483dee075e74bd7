/** The setting of the device is a text, which may be none: said where it is written, and not when a run has failed. */
import { commands, window, workspace } from "vscode";
import type { Disposable } from "./disposable.ts";
import { SECTION, wrongDevice } from "./settings.ts";

export function watchDeviceSetting(): Disposable {
  const look = () => {
    const wrong = wrongDevice();
    if (wrong === null) return;
    void window
      .showWarningMessage(
        `${SECTION}.device is “${wrong}”, which is no device: new runs take “auto”. Give auto, cuda, cuda:1 (the second GPU), cuda:0,1 (two at once), tensorflow, webgpu or wasm.`,
        OPEN,
      )
      .then((answer) => {
        if (answer !== OPEN) return;
        void commands.executeCommand("workbench.action.openSettings", `${SECTION}.device`);
      });
  };
  look();
  return workspace.onDidChangeConfiguration((change) => {
    if (change.affectsConfiguration(`${SECTION}.device`)) look();
  });
}

const OPEN = "Open Setting";
