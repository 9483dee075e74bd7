/** Starting, watching and ending worker processes. */
import { fork, type ChildProcess } from "node:child_process";
import { open, type FileHandle } from "node:fs/promises";
import { workerCrashed } from "./errors.ts";
import type { FromWorker, ToWorker } from "./messages.ts";
import type { DenoiseError } from "../errors.ts";

/** Cancelling is answered within 2 s: what has not stopped a little before is killed. Work folders survive that. */
export const PATIENCE_MS = 1500;
const TAIL_BYTES = 4096;

export interface WorkerProcess {
  readonly pid: number | null;
  send(message: ToWorker): void;
  /** SIGKILL. */
  kill(): void;
  /** How it ended; `null` for exit code 0. Never rejects. */
  readonly ended: Promise<DenoiseError | null>;
}

/**
 * @param entry the worker's script
 * @param name shown in process lists
 * @param log file that its output is added to
 */
export async function startWorker(
  entry: string,
  name: string,
  log: string,
  onMessage: (message: FromWorker) => void,
): Promise<WorkerProcess> {
  const file = await open(log, "a", 0o600);
  const before = (await file.stat()).size;
  let child: ChildProcess;
  try {
    child = fork(entry, [name], {
      // A file, not a pipe: what native code prints while it crashes must not need a reader.
      stdio: ["ignore", file.fd, file.fd, "ipc"],
      serialization: "advanced",
      execArgv: [],
    });
  } finally {
    await file.close();
  }
  child.on("message", (message) => {
    // The worker is this program in the same version; see messages.ts.
    onMessage(message as FromWorker);
  });
  const ended = new Promise<DenoiseError | null>((resolve) => {
    child.on("exit", (code, signal) => {
      if (code === 0) resolve(null);
      else {
        void tailOf(log, before).then((tail) => {
          resolve(workerCrashed(code, signal, tail));
        });
      }
    });
    child.on("error", (error) => {
      resolve(workerCrashed(null, null, error.message));
    });
  });
  return {
    pid: child.pid ?? null,
    send(message) {
      // It may have just ended; `ended` tells that.
      if (child.connected) child.send(message, () => undefined);
    },
    kill() {
      child.kill("SIGKILL");
    },
    ended,
  };
}

/** The last lines of a file that were written after byte `from`. */
export async function tailOf(path: string, from = 0, most = TAIL_BYTES): Promise<string> {
  let file: FileHandle | null = null;
  try {
    file = await open(path, "r");
    const { size } = await file.stat();
    const start = Math.max(from, size - most);
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(size - start),
      0,
      size - start,
      start,
    );
    const text = buffer.subarray(0, bytesRead).toString("utf8");
    return (start > from ? text.slice(text.indexOf("\n") + 1) : text).trim();
  } catch {
    return "";
  } finally {
    await file?.close();
  }
}
