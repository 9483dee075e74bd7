/**
 * An extension that opens a webview with nothing but a word in it, by a click on an entry of the status bar: what the
 * workbench itself needs on this machine until something is seen.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

export const EMPTY_WEBVIEW = "Empty webview";

const MANIFEST = {
  name: "empty-webview",
  publisher: "denoise-rotator-bench",
  version: "0.0.1",
  engines: { vscode: "^1.100.0" },
  main: "./main.js",
  activationEvents: ["onStartupFinished"],
  extensionKind: ["workspace"],
  contributes: { commands: [{ command: "empty.open", title: "Open an Empty Webview" }] },
};

const MAIN = `
const { commands, window, StatusBarAlignment, ViewColumn } = require("vscode");
exports.activate = ({ subscriptions }) => {
  const open = () => {
    const panel = window.createWebviewPanel("empty", "Empty", ViewColumn.Beside, { enableScripts: true });
    panel.webview.html = '<!doctype html><html><body><p class="empty-webview">there</p></body></html>';
  };
  const entry = window.createStatusBarItem("empty", StatusBarAlignment.Left, 1000);
  entry.text = "${EMPTY_WEBVIEW}";
  entry.command = "empty.open";
  entry.show();
  subscriptions.push(commands.registerCommand("empty.open", open), entry);
};
`;

/** @param extensions the workbench's folder of extensions, before its window is opened */
export async function putEmptyWebview(extensions: string): Promise<void> {
  const { publisher, name, version } = MANIFEST;
  const folder = join(extensions, `${publisher}.${name}-${version}`);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "package.json"), JSON.stringify(MANIFEST));
  await writeFile(join(folder, "main.js"), MAIN);
}
