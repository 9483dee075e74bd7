/**
 * DOORWAY of the panels: the pages of a run and the safetensors editor. Registering them costs nothing; a page is
 * loaded when a panel is opened or restored.
 */
import { Uri, type Disposable, type Webview } from "vscode";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Role } from "../../daemon/vocabulary.ts";
import type { MatrixId, RunSource } from "../../webview/messages.ts";
import type { Host } from "../host.ts";
import { documentOf } from "./document.ts";
import { REPORT_FILE } from "./reportFile.ts";
import { RunPanels } from "./runPanels.ts";
import { openTensors, registerTensorsEditor } from "./tensorsEditor.ts";

export { SAFETENSORS_VIEW } from "./tensorsEditor.ts";

export interface Panels extends Disposable {
  openRun(jobId: string): Promise<void>;
  /** A checkpoint with a report in its folder shows its layer map, any other its tensors. */
  openLayerMap(source: { job: string } | { checkpoint: string }): Promise<void>;
  openMatrix(
    source: { job: string; layer: number; role: Role } | { checkpoint: string; tensor: string },
  ): Promise<void>;
  openDistribution(source: RunSource & MatrixId): Promise<void>;
}

/** Synchronous and cheap. */
export function registerPanels(host: Host): Panels {
  const { extensionUri } = host.context;
  const html = (webview: Webview, page: string, title: string): string =>
    pageHtml(webview, extensionUri, page, title);
  const runs = new RunPanels(host, html);
  const editor = registerTensorsEditor(host, html);
  return {
    async openRun(job) {
      runs.open("run", { job }, null);
      await Promise.resolve();
    },
    async openLayerMap(source) {
      if ("job" in source) runs.open("layerMap", source, null);
      else if (existsSync(join(source.checkpoint, REPORT_FILE))) {
        runs.open("layerMap", { output: source.checkpoint }, null);
      } else await openTensors(source.checkpoint);
    },
    async openMatrix(source) {
      if ("tensor" in source) await openTensors(source.checkpoint, source.tensor);
      else {
        const { job, layer, role } = source;
        runs.open("matrix", { job }, { layer, role });
      }
    },
    async openDistribution({ layer, role, ...source }) {
      runs.open("distribution", source, { layer, role });
      await Promise.resolve();
    },
    dispose() {
      runs.dispose();
      editor.dispose();
    },
  };
}

/** The document of a page bundled as `dist/webview/<page>.js` and `.css`, which finds its root in `#page`. */
export function pageHtml(webview: Webview, extensionUri: Uri, page: string, title: string): string {
  const at = (file: string): string =>
    webview.asWebviewUri(Uri.joinPath(extensionUri, "dist", "webview", file)).toString();
  const nonce = randomBytes(16).toString("hex");
  return documentOf({ script: at(`${page}.js`), style: at(`${page}.css`), title, nonce });
}
