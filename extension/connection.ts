/**
 * One connection to the daemon: the language client over its socket. Loaded with the first connection only.
 *
 * Every connection has a language client of its own: restarting one keeps handlers and diagnostics of the daemon
 * before, which is what nobody wants after that one has crashed.
 */
import {
  CloseAction,
  DidChangeConfigurationNotification,
  ErrorAction,
  LanguageClient,
  RevealOutputChannelOn,
  State,
  type LanguageClientOptions,
} from "vscode-languageclient/node";
import { Uri, workspace, type CancellationToken, type LogOutputChannel } from "vscode";
import {
  ensureDaemon,
  findDaemon,
  findNode,
  openSocket,
  stateFolder,
  type DaemonAddress,
} from "../daemon/connect.ts";
import { RECIPE_SUFFIX, type DaemonSettings, type RequestSender } from "../daemon/protocol.ts";
import type { Connect } from "./daemonClient.ts";
import { notAnswering } from "./errors.ts";
import { readSettings, SECTION } from "./settings.ts";

export interface Connected extends RequestSender {
  sendRequest<R>(method: string, params: unknown, token?: CancellationToken): Promise<R>;
  dispose(): Promise<void>;
}

/** @param extension folder of the extension */
export const connectTo =
  (extension: Uri, channel: LogOutputChannel): Connect =>
  async ({ mayStart, methods, onNotification, onClose }) => {
    const address = await addressOf(extension, channel, mayStart);
    if (address === null) return null;
    const { socket, token, version, pid } = address;
    channel.info(
      `Daemon ${version}, process ${pid}, ${address.started ? "started" : "found"} at ${socket}`,
    );
    const client = new LanguageClient(
      "denoise-rotator",
      "DenoiseRotator",
      async () => {
        const stream = await openSocket(address);
        return { reader: stream, writer: stream };
      },
      { ...OPTIONS, outputChannel: channel, initializationOptions: { token } },
    );
    for (const method of methods) {
      client.onNotification(method, (params: unknown) => {
        onNotification(method, params);
      });
    }
    await started(client, pid);
    await configure(client);
    const changes = workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration(`${SECTION}.cudaFolder`)) void configure(client);
    });
    client.onDidChangeState(({ newState }) => {
      if (newState !== State.Stopped) return;
      changes.dispose();
      channel.warn(`The connection to the daemon (process ${pid}) is closed`);
      void client.dispose().catch(() => undefined);
      onClose();
    });
    return {
      sendRequest: (method, params, cancellation) =>
        cancellation
          ? client.sendRequest(method, params, cancellation)
          : client.sendRequest(method, params),
      dispose: () => client.dispose(),
    };
  };

/** The daemon may have been started by another window, or before the setting was changed. */
function configure(client: LanguageClient): Promise<void> {
  const settings: DaemonSettings = { cuda: readSettings().cudaFolder };
  return client.sendNotification(DidChangeConfigurationNotification.type, { settings });
}

const ANSWER_WITHIN_MS = 15_000;

/** @throws DaemonError daemon/not-answering where the process is there but hangs */
async function started(client: LanguageClient, pid: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(notAnswering(pid));
    }, ANSWER_WITHIN_MS);
  });
  try {
    await Promise.race([client.start(), late]);
  } catch (error) {
    void client.dispose().catch(() => undefined);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function addressOf(
  extension: Uri,
  channel: LogOutputChannel,
  mayStart: boolean,
): Promise<DaemonAddress | null> {
  const settings = readSettings();
  const home = settings.stateFolder === "" ? stateFolder() : settings.stateFolder;
  if (!mayStart) return findDaemon(home);
  const running = await findDaemon(home);
  const node = await findNode({ setting: settings.nodePath });
  if (!running) channel.info(`Starting the daemon with Node.js ${node.version}, ${node.path}`);
  return ensureDaemon({
    entry: Uri.joinPath(extension, "dist", "daemon.js").fsPath,
    node: node.path,
    home,
  });
}

const OPTIONS: LanguageClientOptions = {
  documentSelector: [
    { scheme: "file", pattern: `**/*${RECIPE_SUFFIX}` },
    { scheme: "file", pattern: "**/config.json" },
  ],
  revealOutputChannelOn: RevealOutputChannelOn.Never,
  errorHandler: {
    error: () => ({ action: ErrorAction.Continue, handled: true }),
    // The client above connects anew, to what it finds then.
    closed: () => ({ action: CloseAction.DoNotRestart, handled: true }),
  },
};
