/** One connection, from the socket to its handlers. */
import type { Socket } from "node:net";
import { createConnection, TextDocumentSyncKind } from "vscode-languageserver";
import { createProtocolConnection, SocketMessageWriter } from "vscode-languageserver/node";
import { handleCheckpoints } from "./session/checkpointHandlers.ts";
import type { Context } from "./session/context.ts";
import { Door } from "./session/door.ts";
import { handleJobs } from "./session/jobHandlers.ts";
import { handleLanguage } from "./session/languageHandlers.ts";
import { VERSION } from "./version.ts";

export type { Context } from "./session/context.ts";

/** Serves a client until its socket closes. */
export function serve(socket: Socket, context: Context): void {
  const writer = new SocketMessageWriter(socket);
  const connection = createConnection(
    (logger) => createProtocolConnection(new Door(socket, context.token), writer, logger),
    // The library's own would end the process with the client.
    {
      shutdownReceived: false,
      initialize: () => undefined,
      exit: () => {
        socket.end();
      },
    },
  );
  connection.onInitialize(() => ({
    serverInfo: { name: "denoise-rotator", version: VERSION },
    capabilities: {
      textDocumentSync: { openClose: true, change: TextDocumentSyncKind.Incremental, save: true },
      completionProvider: { triggerCharacters: ['"', ":"] },
      hoverProvider: true,
      codeLensProvider: {},
    },
  }));
  const endings = [handleJobs(connection, socket, context), handleLanguage(connection, context)];
  handleCheckpoints(connection, context);
  socket.on("close", () => {
    for (const end of endings) end();
    connection.dispose();
  });
  connection.listen();
}
