/**
 * Activation, in order. Nothing is computed, connected or read here: the daemon is looked for in the background, and
 * parts that are heavy are loaded when they are needed first.
 */
import { window, type ExtensionContext, type LogOutputChannel } from "vscode";
import { ATTACH, send } from "../daemon/protocol.ts";
import { register, showFailure } from "./commands.ts";
import { ReconnectingClient, type Connect } from "./daemonClient.ts";
import type { Host } from "./host.ts";
import { watchDeviceSetting } from "./deviceSetting.ts";
import { registerInspect } from "./inspect/index.ts";
import { startLanguageFeatures } from "./language.ts";
import { registerPanels } from "./panels/index.ts";
import { registerPrune } from "./prune/index.ts";
import { ReadOnlyText } from "./readOnlyText.ts";
import { JOB_NOTIFICATIONS, JobStore, registerRuns } from "./runs/index.ts";

export function activate(context: ExtensionContext): void {
  const channel = window.createOutputChannel("DenoiseRotator", { log: true });
  const runs = new JobStore();
  const client = new ReconnectingClient(
    connectLazily(context, channel),
    JOB_NOTIFICATIONS,
    async (connection) => {
      runs.attached((await send(connection, ATTACH, {})).jobs);
    },
  );
  const texts = new ReadOnlyText();
  const host: Host = { context, client, runs, texts };
  const panels = registerPanels(host);
  const shown = registerRuns(host, panels);
  context.subscriptions.push(
    channel,
    client,
    runs,
    texts,
    panels,
    shown,
    ...runs.listen(client),
    ...registerInspect(host, panels, shown),
    ...registerPrune(host, panels, shown),
    ...startLanguageFeatures(client),
    watchDeviceSetting(),
    client.onLost(showFailure),
    register("showOutput", () => {
      channel.show();
    }),
    register("reconnect", () => client.start()),
  );
  // A run that goes on since the last window shows at once; without a daemon there is none.
  void client.attach().catch((error: unknown) => {
    channel.warn(`The daemon does not answer: ${String(error)}`);
  });
}

/** The language client is the larger part of this extension. */
const connectLazily =
  ({ extensionUri }: ExtensionContext, channel: LogOutputChannel): Connect =>
  async (options) => {
    const { connectTo } = await import("./connection.ts");
    return connectTo(extensionUri, channel)(options);
  };
