/** The read-only editor of `.safetensors` files and their indexes: a document is its path, the page asks for the rest. */
import { commands, Uri, window, type WebviewPanel } from "vscode";
import { basename } from "node:path";
import { folderOf, weightsOf } from "../checkpointFiles.ts";
import type { Host } from "../host.ts";
import { checkpointAnswers } from "./answers.ts";
import { Handover } from "./handover.ts";
import { connectPage } from "./page.ts";
import { pageOptions } from "./pageOptions.ts";
import type { PageHtml } from "./runPanels.ts";
import { saveFile } from "./saveFile.ts";
import { SAFETENSORS_VIEW } from "./views.ts";

/** Tensors that are asked for before their editor is there, by document. */
const asked = new Map<string, string>();
/** Of the editors that are open, the last of each document. */
const choices = new Map<string, Handover<string>>();

/** @param checkpoint a file, or a folder with a checkpoint in it */
export async function openTensors(checkpoint: string, tensor?: string): Promise<void> {
  const weights = await weightsOf(checkpoint);
  if (weights === undefined) {
    void window.showWarningMessage(
      `${folderOf(checkpoint)} holds no .safetensors file to inspect.`,
    );
    return;
  }
  const uri = Uri.file(weights);
  if (tensor !== undefined) asked.set(uri.fsPath, tensor);
  await commands.executeCommand("vscode.openWith", uri, SAFETENSORS_VIEW);
  // A new editor has taken it; one that was open has not.
  const choice = choices.get(uri.fsPath);
  if (choice !== undefined && tensor !== undefined && asked.delete(uri.fsPath)) choice.give(tensor);
}

/** Fills the editor of `uri`. */
export function showTensors(host: Host, html: PageHtml, uri: Uri, panel: WebviewPanel): void {
  const title = basename(uri.fsPath);
  panel.webview.options = pageOptions(host.context.extensionUri);
  const choice = new Handover<string>((tensor) => {
    page.post({ type: "show", title, at: null, tensor, source: null });
  }, asked.get(uri.fsPath));
  asked.delete(uri.fsPath);
  const page = connectPage(panel.webview, checkpointAnswers(host.client, uri.fsPath), (message) => {
    if (message.type === "ready") choice.ready();
    else if (message.type === "save") void saveFile(message);
  });
  choices.set(uri.fsPath, choice);
  panel.onDidChangeViewState(() => {
    if (!panel.visible) choice.gone();
  });
  panel.onDidDispose(() => {
    if (choices.get(uri.fsPath) === choice) choices.delete(uri.fsPath);
    page.dispose();
  });
  panel.webview.html = html(panel.webview, "safetensors", title);
}
