/** The socket that a daemon listens on, from its making to its removal. */
import { chmod, rm, rmdir } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { basename, dirname } from "node:path";
import { newAddress, SOCKET_FOLDER } from "./socket.ts";

export interface Listening {
  readonly server: Server;
  readonly address: string;
  /** Serves those who connected already, and all who will. */
  onConnection(serve: (socket: Socket) => void): void;
}

/** @param home the state folder */
export async function listen(home: string): Promise<Listening> {
  const address = await newAddress(home);
  const server = createServer();
  // Who is quick connects before the daemon is ready: Node drops connections that nobody listens for.
  const early: Socket[] = [];
  const keep = (socket: Socket) => {
    socket.on("error", () => undefined);
    early.push(socket);
  };
  server.on("connection", keep);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(address, resolve);
  });
  if (process.platform !== "win32") await chmod(address, 0o600);
  return {
    server,
    address,
    onConnection(serveSocket) {
      server.off("connection", keep);
      server.on("connection", serveSocket);
      for (const socket of early.splice(0)) if (!socket.destroyed) serveSocket(socket);
    },
  };
}

/** Also that of a daemon that was killed. */
export async function removeSocket(address: string): Promise<void> {
  if (process.platform === "win32" || !address.endsWith(".sock")) return;
  await rm(address, { force: true });
  // The folder of a socket whose path in the state folder would be too long.
  const folder = dirname(address);
  if (basename(folder).startsWith(SOCKET_FOLDER)) await rmdir(folder).catch(() => undefined);
}
