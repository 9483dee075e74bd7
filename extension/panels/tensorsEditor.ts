/** The read-only editor of `.safetensors` files and their indexes: a document is its path, the page asks for the rest. */
import { commands, Uri, type WebviewPanel } from "vscode";
import { existsSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import type { Host } from "../host.ts";
import { checkpointAnswers } from "./answers.ts";
import { connectPage, type ConnectedPage } from "./page.ts";
import { pageOptions } from "./pageOptions.ts";
import type { PageHtml } from "./runPanels.ts";
import { saveFile } from "./saveFile.ts";
import { SAFETENSORS_VIEW } from "./views.ts";

/** Tensors that a page should select, by document: asked for before the page is there. */
const asked = new Map<string, string>();
const pages = new Map<string, ConnectedPage>();

/** @param checkpoint a file, or a folder with a checkpoint in it */
export async function openTensors(checkpoint: string, tensor?: string): Promise<void> {
  const uri = Uri.file(fileOf(checkpoint));
  if (tensor !== undefined) asked.set(uri.fsPath, tensor);
  const page = pages.get(uri.fsPath);
  await commands.executeCommand("vscode.openWith", uri, SAFETENSORS_VIEW);
  if (page !== undefined) reveal(page, uri);
}

/** Fills the editor of `uri`. */
export function showTensors(host: Host, html: PageHtml, uri: Uri, panel: WebviewPanel): void {
  panel.webview.options = pageOptions(host.context.extensionUri);
  const page = connectPage(panel.webview, checkpointAnswers(host.client, uri.fsPath), (message) => {
    if (message.type === "ready") reveal(page, uri);
    else if (message.type === "save") void saveFile(message);
  });
  pages.set(uri.fsPath, page);
  panel.onDidDispose(() => {
    if (pages.get(uri.fsPath) === page) pages.delete(uri.fsPath);
    page.dispose();
  });
  panel.webview.html = html(panel.webview, "safetensors", basename(uri.fsPath));
}

function reveal(page: ConnectedPage, uri: Uri): void {
  const tensor = asked.get(uri.fsPath) ?? null;
  asked.delete(uri.fsPath);
  page.post({ type: "show", title: basename(uri.fsPath), at: null, tensor, source: null });
}

const INDEX = "model.safetensors.index.json";
const SINGLE = "model.safetensors";

/** The file that stands for a checkpoint's folder. */
function fileOf(checkpoint: string): string {
  if (!existsSync(checkpoint) || !statSync(checkpoint).isDirectory()) return checkpoint;
  const index = join(checkpoint, INDEX);
  return existsSync(index) ? index : join(checkpoint, SINGLE);
}
