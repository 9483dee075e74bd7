/** Language features come from the daemon: it is started with a document that has some, also where it was lost. */
import { dirname } from "node:path";
import { workspace, type TextDocument } from "vscode";
import { RECIPE_SUFFIX } from "../daemon/protocol.ts";
import { hasWeights } from "./checkpointFiles.ts";
import type { DaemonClient } from "./daemonClient.ts";
import type { Disposable } from "./disposable.ts";

export function startLanguageFeatures(client: DaemonClient): Disposable[] {
  const look = async (document: TextDocument) => {
    if (client.state === "ready" || !(await hasFeatures(document))) return;
    // Without a daemon the document stays plain JSON; commands will tell why.
    await client.start().catch(() => undefined);
  };
  for (const document of workspace.textDocuments) void look(document);
  return [workspace.onDidOpenTextDocument((document) => void look(document))];
}

async function hasFeatures({ uri }: TextDocument): Promise<boolean> {
  if (uri.scheme !== "file") return false;
  if (uri.fsPath.endsWith(RECIPE_SUFFIX)) return true;
  if (!/[\\/]config\.json$/.test(uri.fsPath)) return false;
  return hasWeights(dirname(uri.fsPath));
}
