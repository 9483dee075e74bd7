/** Prune with DenoiseRotator and Dry Run. Form and dialogs are loaded when they are opened first. */
import { Uri, ViewColumn, window, workspace, type WebviewPanel } from "vscode";
import type { Disposable } from "../disposable.ts";
import { RECIPE_SUFFIX } from "../../daemon/protocol.ts";
import { registerRunning } from "../commands.ts";
import type { Host } from "../host.ts";
import { checkpointOf, chooseCheckpoint, recipeInEditor } from "../inspect/index.ts";
import type { Panels } from "../panels/index.ts";
import type { Runs } from "../runs/index.ts";
import type { PruneForm } from "./form.ts";
import { startPruning } from "./start.ts";

const VIEW = "denoise-rotator.prune";

export function registerPrune(host: Host, panels: Panels, runs: Runs): Disposable[] {
  /** One form a checkpoint. */
  const forms = new Map<string, PruneForm>();
  const fill = async (panel: WebviewPanel, checkpoint: string, state: unknown) => {
    const [{ PruneForm }, { formState }] = await Promise.all([
      import("./form.ts"),
      import("../../webview/form/messages.ts"),
    ]);
    const kept = formState.safeParse(state);
    const form = new PruneForm(host, panel, checkpoint, kept.success ? kept.data.values : null, {
      start: (recipe) => startPruning(host, panels, runs, { recipe }),
    });
    forms.set(checkpoint, form);
    panel.onDidDispose(() => {
      forms.delete(checkpoint);
      form.dispose();
    });
  };
  const openForm = async (checkpoint: string) => {
    const open = forms.get(checkpoint);
    if (open) {
      open.reveal();
      return;
    }
    const panel = window.createWebviewPanel(VIEW, "Prune", ViewColumn.Active, options(host));
    await fill(panel, checkpoint, null);
  };

  /** A command on recipe files. Of a checkpoint it opens the form, which shows the plan too. */
  const onRecipe = (name: string, work: (recipe: { readonly file: string }) => Promise<unknown>) =>
    registerRunning(name, async (argument) => {
      const path = await checkpointOf(argument ?? recipeInEditor(), chooseCheckpoint);
      if (path === undefined) return;
      if (!path.endsWith(RECIPE_SUFFIX)) {
        await openForm(path);
        return;
      }
      await saved(path);
      await work({ file: path });
    });

  return [
    onRecipe("prune", (recipe) => startPruning(host, panels, runs, recipe)),
    onRecipe("dryRun", async (recipe) => {
      const { dryRun } = await import("./dryRun.ts");
      if (await dryRun(host, recipe)) await startPruning(host, panels, runs, recipe);
    }),
    window.registerWebviewPanelSerializer(VIEW, {
      async deserializeWebviewPanel(panel, state: unknown) {
        const { formState } = await import("../../webview/form/messages.ts");
        const kept = formState.safeParse(state);
        if (!kept.success) {
          panel.dispose();
          return;
        }
        panel.webview.options = options(host);
        await fill(panel, kept.data.checkpoint, state);
      },
    }),
    {
      dispose: () => {
        for (const form of forms.values()) form.dispose();
      },
    },
  ];
}

const options = ({ context }: Host) => ({
  enableScripts: true,
  localResourceRoots: [Uri.joinPath(context.extensionUri, "dist", "webview")],
});

/** The daemon reads the file, and a person means what they see. */
async function saved(path: string): Promise<void> {
  const document = workspace.textDocuments.find(({ uri }) => uri.fsPath === path);
  if (document?.isDirty) await document.save();
}
