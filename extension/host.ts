/** What the parts of the extension share. */
import type { ExtensionContext } from "vscode";
import type { DaemonClient } from "./daemonClient.ts";
import type { ReadOnlyText } from "./readOnlyText.ts";
import type { RunStore } from "./runs/index.ts";

export interface Host {
  readonly context: ExtensionContext;
  readonly client: DaemonClient;
  readonly runs: RunStore;
  readonly texts: ReadOnlyText;
}
