/**
 * DOORWAY of the panels: the pages of a run and the safetensors editor. Registering them costs nothing; a page is
 * loaded when a panel is opened or restored.
 */
import {
  Uri,
  window,
  type CustomDocument,
  type CustomReadonlyEditorProvider,
  type Webview,
} from "vscode";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Role } from "../../daemon/protocol.ts";
import type { MatrixId, RunSource } from "../../webview/messages.ts";
import type { Disposable } from "../disposable.ts";
import type { Host } from "../host.ts";
import { documentOf } from "./document.ts";
import type { PageHtml, RunPanels } from "./runPanels.ts";
import { REPORT_FILE, RUN_VIEWS, SAFETENSORS_VIEW, viewType } from "./views.ts";

export { SAFETENSORS_VIEW } from "./views.ts";

export interface Panels extends Disposable {
  openRun(jobId: string): Promise<void>;
  /** A checkpoint with a report in its folder shows its layer map, any other its tensors. */
  openLayerMap(source: { job: string } | { checkpoint: string }): Promise<void>;
  openMatrix(
    source: { job: string; layer: number; role: Role } | { checkpoint: string; tensor: string },
  ): Promise<void>;
  openDistribution(source: RunSource & MatrixId): Promise<void>;
}

/** Synchronous and cheap: what is behind the panels is loaded with the first of them. */
export function registerPanels(host: Host): Panels {
  const { extensionUri } = host.context;
  const html = (webview: Webview, page: string, title: string): string =>
    pageHtml(webview, extensionUri, page, title);
  let loading: Promise<RunPanels> | null = null;
  const load = async () => {
    const loaded = await import("./runPanels.ts");
    return new loaded.RunPanels(host, html);
  };
  const runs = () => (loading ??= load());
  const openTensors = async (checkpoint: string, tensor?: string) => {
    const editor = await import("./tensorsEditor.ts");
    await editor.openTensors(checkpoint, tensor);
  };
  const registered = [
    ...RUN_VIEWS.map((view) =>
      window.registerWebviewPanelSerializer(viewType(view), {
        async deserializeWebviewPanel(panel, state: unknown) {
          (await runs()).restore(panel, view, state);
        },
      }),
    ),
    window.registerCustomEditorProvider(SAFETENSORS_VIEW, tensorsProvider(host, html), {
      supportsMultipleEditorsPerDocument: true,
    }),
  ];
  return {
    async openRun(job) {
      (await runs()).open("run", { job }, null);
    },
    async openLayerMap(source) {
      if ("job" in source) (await runs()).open("layerMap", source, null);
      else if (existsSync(join(source.checkpoint, REPORT_FILE))) {
        (await runs()).open("layerMap", { output: source.checkpoint }, null);
      } else await openTensors(source.checkpoint);
    },
    async openMatrix(source) {
      if ("tensor" in source) await openTensors(source.checkpoint, source.tensor);
      else {
        const { job, layer, role } = source;
        (await runs()).open("matrix", { job }, { layer, role });
      }
    },
    async openDistribution({ layer, role, ...source }) {
      (await runs()).open("distribution", source, { layer, role });
    },
    dispose() {
      void loading?.then((panels) => {
        panels.dispose();
      });
      for (const one of registered) one.dispose();
    },
  };
}

const tensorsProvider = (host: Host, html: PageHtml): CustomReadonlyEditorProvider => ({
  openCustomDocument: (uri): CustomDocument => ({ uri, dispose: () => undefined }),
  async resolveCustomEditor({ uri }, panel) {
    const { showTensors } = await import("./tensorsEditor.ts");
    showTensors(host, html, uri, panel);
  },
});

/** The document of a page bundled as `dist/webview/<page>.js` and `.css`, which finds its root in `#page`. */
export function pageHtml(webview: Webview, extensionUri: Uri, page: string, title: string): string {
  const at = (file: string): string =>
    webview.asWebviewUri(Uri.joinPath(extensionUri, "dist", "webview", file)).toString();
  const nonce = randomBytes(16).toString("hex");
  return documentOf({ script: at(`${page}.js`), style: at(`${page}.css`), title, nonce });
}
