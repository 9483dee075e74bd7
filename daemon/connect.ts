/**
 * DOORWAY for Node clients: finds the daemon or starts it, and opens connections to it. Loads nothing of the engine.
 *
 *     const daemon = await ensureDaemon({ entry: "dist/daemon.js", node: (await findNode()).path });
 *     const socket = await openSocket(daemon);
 *     // a LanguageClient on `socket`, with initializationOptions { token: daemon.token }
 */
import type { ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import {
  createMessageConnection,
  SocketMessageReader,
  SocketMessageWriter,
} from "vscode-jsonrpc/node";
import {
  connectTo,
  didNotStart,
  highestSeat,
  launchDaemon,
  notAnswering,
  openHome,
  stateFolder,
  type Home,
  type LaunchOptions,
  type SeatRecord,
} from "./instance/index.ts";
import { send } from "./protocol/message.ts";
import { RETIRE } from "./protocol/server.ts";
import { VERSION } from "./version.ts";

export { findNode, stateFolder, type FindNodeOptions, type NodeFound } from "./instance/index.ts";

/** `node`: see {@link findNode}. */
export interface EnsureOptions extends LaunchOptions {
  /** Version of the client. An older idle daemon makes room for it; an older busy one is used as it is. */
  readonly version?: string;
  /** State folder; {@link stateFolder} by default. */
  readonly home?: string;
  /** After so long without clients and jobs the daemon ends; its own default is 10 minutes. */
  readonly idleSeconds?: number;
}

export interface DaemonAddress {
  readonly socket: string;
  readonly token: string;
  readonly version: string;
  readonly pid: number;
  /** Whether this call started it. */
  readonly started: boolean;
}

const START_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 30;
const ANSWER_WITHIN_MS = 10_000;

/**
 * The running daemon of this user on this machine, started where there is none.
 *
 * @throws daemon/folder-not-private, daemon/folder-failed, daemon/did-not-start, daemon/not-answering
 */
export async function ensureDaemon(options: EnsureOptions): Promise<DaemonAddress> {
  const home = await openHome(options.home ?? stateFolder());
  const wanted = options.version ?? VERSION;
  const until = performance.now() + START_WITHIN_MS;
  let start: Start | null = null;
  for (;;) {
    const found = await greet(home, wanted, options);
    if (found) return { ...found, started: found.pid === start?.pid };
    start ??= startDaemon(home, options);
    const end = start.end();
    if (end !== null && end !== 0) throw didNotStart(end, home.log);
    // One that ended well has found another daemon; that one will be greeted, or has gone meanwhile.
    if (end === 0) start = null;
    if (performance.now() > until) {
      throw didNotStart(`it was not there after ${START_WITHIN_MS / 1000} s`, home.log);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/** The daemon that runs already, whatever its version; null where there is none. Starts nothing. */
export async function findDaemon(home = stateFolder()): Promise<DaemonAddress | null> {
  const seat = await highestSeat(home);
  if (!seat?.record) return null;
  const socket = await connectTo(seat.record.socket);
  socket?.destroy();
  return socket ? { ...seat.record, started: false } : null;
}

/** @throws daemon/not-answering where nobody listens any more: call {@link ensureDaemon} again */
export async function openSocket({ socket: address, pid }: DaemonAddress): Promise<Socket> {
  const socket = await connectTo(address);
  if (!socket) throw notAnswering(pid, "in its state folder");
  return socket;
}

/** The daemon that listens, if it is of the wanted version or will not make room for it. */
async function greet(
  home: Home,
  wanted: string,
  { entry, node }: EnsureOptions,
): Promise<SeatRecord | null> {
  const seat = await highestSeat(home.folder);
  if (!seat?.record) return null;
  const { record } = seat;
  const socket = await connectTo(record.socket);
  if (!socket) return null;
  const connection = createMessageConnection(
    new SocketMessageReader(socket),
    new SocketMessageWriter(socket),
  );
  connection.onError(() => undefined);
  connection.listen();
  const noAnswer = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => {
      reject(notAnswering(record.pid, home.log));
    }, ANSWER_WITHIN_MS);
    // vscode-jsonrpc leaves requests open when the other side closes.
    socket.once("close", () => {
      clearTimeout(timer);
      reject(new Error("closed"));
    });
  });
  // It also ends when nobody waits for it any more.
  noAnswer.catch(() => undefined);
  try {
    const initializationOptions = { token: record.token };
    await Promise.race([
      connection.sendRequest("initialize", {
        processId: null,
        capabilities: {},
        initializationOptions,
      }),
      noAnswer,
    ]);
    if (!isOlder(record.version, wanted)) return record;
    const { retired } = await Promise.race([
      send(connection, RETIRE, { successor: { entry, node } }),
      noAnswer,
    ]);
    return retired ? null : record;
  } catch (error) {
    // It went while it was asked.
    if (socket.destroyed || socket.readableEnded) return null;
    throw error;
  } finally {
    connection.dispose();
    socket.destroy();
  }
}

interface Start {
  readonly pid: number | undefined;
  /** 0 where it ended well, else how; null while it runs. */
  end(): 0 | string | null;
}

function startDaemon(home: Home, options: EnsureOptions): Start {
  const child = launchDaemon(home, options);
  let failure: string | null = null;
  child.on("error", (error) => {
    failure = error.message;
  });
  return { pid: child.pid, end: () => failure ?? endOf(child) };
}

function endOf({ exitCode, signalCode }: ChildProcess): 0 | string | null {
  if (signalCode !== null) return `it was ended by ${signalCode}`;
  return exitCode === null || exitCode === 0 ? exitCode : `it ended with code ${exitCode}`;
}

/** By major, minor and patch; a pre-release counts as its release. */
function isOlder(a: string, b: string): boolean {
  const [x, y] = [numbersOf(a), numbersOf(b)];
  for (const i of [0, 1, 2]) {
    if (x[i] !== y[i]) return (x[i] ?? 0) < (y[i] ?? 0);
  }
  return false;
}

const numbersOf = (version: string): number[] => version.split(/[.+-]/).map(Number);
