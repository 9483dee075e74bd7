/** Where the daemon listens, and whether somebody does. */
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp } from "node:fs/promises";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assertPrivate } from "./home.ts";

/** `sun_path` holds 104 bytes on macOS and 108 on Linux, the closing zero included. */
const LONGEST_PATH = 100;

/** Name, up to its random end, of the folder of a socket whose path in the state folder would be too long. */
export const SOCKET_FOLDER = "denoise-rotator-socket-";

/**
 * A fresh address: in the state folder, or, where that path is too long for a socket, in a private temporary folder.
 * Every daemon has its own, so that none can be unlinked by another.
 */
export async function newAddress(home: string): Promise<string> {
  const id = randomBytes(4).toString("hex");
  if (process.platform === "win32") {
    const user = createHash("sha256").update(home).digest("hex").slice(0, 16);
    return `\\\\.\\pipe\\denoise-rotator-${user}-${id}`;
  }
  const path = join(home, `${id}.sock`);
  if (Buffer.byteLength(path) <= LONGEST_PATH) return path;
  // Not TMPDIR where that is long too: /tmp is always there and short.
  const parent = Buffer.byteLength(tmpdir()) < LONGEST_PATH - 40 ? tmpdir() : "/tmp";
  const folder = await mkdtemp(join(parent, SOCKET_FOLDER));
  await assertPrivate(folder);
  return join(folder, `${id}.sock`);
}

/** What connecting says where nobody listens, or where the one who did is just going. */
const NOBODY = new Set(["ENOENT", "ECONNREFUSED", "ENOTSOCK", "ECONNRESET"]);

/** @returns a connected socket; null where nobody listens */
export function connectTo(address: string): Promise<Socket | null> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(address);
    socket.once("connect", () => {
      socket.removeAllListeners("error");
      resolve(socket);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      socket.destroy();
      if (NOBODY.has(error.code ?? "")) {
        resolve(null);
      } else {
        reject(error);
      }
    });
  });
}
