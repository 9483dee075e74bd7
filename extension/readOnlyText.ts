/** Text that is shown in an editor but is no file: logs and plans. Read-only, and nothing to save at the end. */
import { EventEmitter, Uri, window, workspace, type ViewColumn } from "vscode";
import type { Disposable } from "./disposable.ts";

const SCHEME = "denoise-rotator";

export class ReadOnlyText implements Disposable {
  readonly #texts = new Map<string, string>();
  readonly #changes = new EventEmitter<Uri>();
  readonly #registered: Disposable[];

  constructor() {
    this.#registered = [
      workspace.registerTextDocumentContentProvider(SCHEME, {
        onDidChange: this.#changes.event,
        provideTextDocumentContent: (uri) => this.#texts.get(uri.path) ?? "",
      }),
      workspace.onDidCloseTextDocument(({ uri }) => {
        if (uri.scheme === SCHEME) this.#texts.delete(uri.path);
      }),
    ];
  }

  /** @param name of the tab; what was shown under it is replaced */
  async show(name: string, text: string, column?: ViewColumn): Promise<void> {
    const uri = Uri.from({ scheme: SCHEME, path: `/${name.replaceAll("/", "∕")}` });
    this.#texts.set(uri.path, text);
    this.#changes.fire(uri);
    const document = await workspace.openTextDocument(uri);
    await window.showTextDocument(document, {
      preview: true,
      ...(column === undefined ? {} : { viewColumn: column }),
    });
  }

  dispose(): void {
    for (const registered of this.#registered) registered.dispose();
    this.#changes.dispose();
  }
}
