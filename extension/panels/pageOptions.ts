/** Where a page's files may come from, and that it may run its script. */
import { Uri, type WebviewOptions } from "vscode";

export const pageOptions = (extensionUri: Uri): WebviewOptions => ({
  enableScripts: true,
  localResourceRoots: [Uri.joinPath(extensionUri, "dist", "webview")],
});
