/**
 * The form of Prune with DenoiseRotator: a page whose values are planned by the daemon after every change, so that a
 * person sees what the run will take, or why it cannot be, before it starts.
 */
import { basename } from "node:path";
import { CancellationTokenSource, Uri, window, type WebviewPanel } from "vscode";
import type { Disposable } from "../disposable.ts";
import { DEVICES, PLAN, type Plan } from "../../daemon/protocol.ts";
import {
  formMessage,
  type FormMessage,
  type FormValues,
  type HostMessage,
  type PathField,
} from "../../webview/form/messages.ts";
import { folderOf } from "../checkpointFiles.ts";
import { showFailure } from "../commands.ts";
import { daemonErrorOf } from "../errors.ts";
import type { Host } from "../host.ts";
import { pageHtml } from "../panels/index.ts";
import { readSettings } from "../settings.ts";
import { saveRecipe } from "./saveRecipe.ts";
import { troubleOf } from "./trouble.ts";
import { defaultValues, foundCalibration, freeOutput, recipeOf } from "./values.ts";

/** After the last change. */
const PLAN_AFTER_MS = 250;

export interface FormActions {
  /** @returns whether the run was started; @throws DaemonError */
  start(recipe: ReturnType<typeof recipeOf>): Promise<boolean>;
}

export class PruneForm implements Disposable {
  readonly #listeners: Disposable[];
  #values: FormValues;
  #timer: NodeJS.Timeout | undefined;
  #planning: CancellationTokenSource | null = null;

  constructor(
    private readonly host: Host,
    private readonly panel: WebviewPanel,
    readonly checkpoint: string,
    values: FormValues | null,
    private readonly actions: FormActions,
  ) {
    this.#values = values ?? defaultValues(readSettings(Uri.file(checkpoint)));
    const { extensionUri } = host.context;
    const title = `Prune ${basename(folderOf(checkpoint))}`;
    panel.title = title;
    panel.iconPath = {
      light: Uri.joinPath(extensionUri, "media", "tab-light.svg"),
      dark: Uri.joinPath(extensionUri, "media", "tab-dark.svg"),
    };
    this.#listeners = [
      panel.webview.onDidReceiveMessage((message: unknown) => {
        const parsed = formMessage.safeParse(message);
        if (parsed.success) this.#receive(parsed.data).catch(showFailure);
        else console.error(`DenoiseRotator: the form sent no message: ${parsed.error.message}`);
      }),
    ];
    panel.webview.html = pageHtml(panel.webview, extensionUri, "form", title);
  }

  reveal(): void {
    this.panel.reveal();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#planning?.cancel();
    for (const listener of this.#listeners) listener.dispose();
  }

  async #receive(message: FormMessage): Promise<void> {
    switch (message.type) {
      case "ready":
        this.#post({
          type: "show",
          checkpoint: this.checkpoint,
          values: this.#values,
          foundCalibration: await foundCalibration(this.checkpoint),
        });
        this.#planSoon();
        return;
      case "change":
        this.#values = message.values;
        this.#planSoon();
        return;
      case "browse":
        return this.#browse(message.field);
      case "devices":
        return this.#lookForDevices();
      case "start":
        this.#values = message.values;
        return this.#start();
      case "save":
        this.#values = message.values;
        return saveRecipe(this.checkpoint, await this.#recipe());
      default:
        return message satisfies never;
    }
  }

  async #recipe() {
    const out = this.#values.out ?? (await freeOutput(this.checkpoint, this.#values));
    return recipeOf(this.checkpoint, this.#values, out);
  }

  #planSoon(): void {
    clearTimeout(this.#timer);
    this.#planning?.cancel();
    const planning = new CancellationTokenSource();
    this.#planning = planning;
    this.#timer = setTimeout(() => void this.#plan(planning), PLAN_AFTER_MS);
  }

  async #plan(planning: CancellationTokenSource): Promise<void> {
    const { token } = planning;
    // What was asked before and is answered late belongs to other values.
    const post = (message: HostMessage) => {
      if (!token.isCancellationRequested) this.#post(message);
    };
    post({ type: "estimating" });
    try {
      const recipe = await this.#recipe();
      post({ type: "out", out: recipe.out });
      const plan = await this.host.client.request(PLAN, { recipe }, token);
      post({ type: "estimate", estimate: estimateOf(plan) });
    } catch (thrown) {
      const error = daemonErrorOf(thrown);
      if (error.kind !== "cancelled") post({ type: "trouble", trouble: troubleOf(error) });
    }
  }

  async #start(): Promise<void> {
    try {
      if (await this.actions.start(await this.#recipe())) {
        this.panel.dispose();
        return;
      }
    } catch (thrown) {
      this.#post({ type: "trouble", trouble: troubleOf(daemonErrorOf(thrown)) });
    }
    this.#post({ type: "idle" });
  }

  async #lookForDevices(): Promise<void> {
    const { devices } = await this.host.client.request(DEVICES, {});
    this.#post({
      type: "devices",
      devices: devices.map(({ device, available, detail, missing }) => ({
        device,
        available,
        detail: available ? detail : (missing ?? "not available"),
      })),
    });
  }

  async #browse(field: PathField): Promise<void> {
    const folder = Uri.file(folderOf(this.checkpoint));
    if (field === "out") {
      const chosen = await window.showOpenDialog({
        canSelectFolders: true,
        canSelectFiles: false,
        defaultUri: Uri.joinPath(folder, ".."),
        openLabel: "Put the Output Here",
        title: "Folder in which the output folder is made",
      });
      if (!chosen?.[0]) return;
      const name = basename(await freeOutput(this.checkpoint, this.#values));
      this.#post({ type: "picked", field, paths: [Uri.joinPath(chosen[0], name).fsPath] });
      return;
    }
    const chosen = await window.showOpenDialog({
      canSelectMany: true,
      defaultUri: folder,
      filters: { Text: ["txt", "jsonl", "gz", "parquet"], All: ["*"] },
      openLabel: field === "calibration" ? "Calibrate on This" : "Evaluate on This",
    });
    if (chosen) this.#post({ type: "picked", field, paths: chosen.map(({ fsPath }) => fsPath) });
  }

  #post(message: HostMessage): void {
    void this.panel.webview.postMessage(message);
  }
}

const estimateOf = (plan: Plan) => ({
  device: plan.deviceMemory,
  host: plan.hostMemory,
  workDisk: plan.workDisk,
  outputDisk: plan.outputDisk,
  freeDisk: plan.freeDisk,
  seconds: plan.seconds,
  layers: plan.layers,
  parameters: plan.parameters,
  modelType: plan.modelType,
  notes: [...plan.notes],
  shortages: plan.shortages.map(troubleOf),
});
