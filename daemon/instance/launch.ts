/** Starting a daemon's process, which outlives who starts it. */
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync, renameSync, statSync } from "node:fs";
import { omit } from "../omit.ts";
import type { Home } from "./home.ts";

export interface LaunchOptions {
  /** Path of the daemon's script, `dist/daemon.js`. */
  readonly entry: string;
  /** Path of a plain Node.js. */
  readonly node: string;
  readonly idleSeconds?: number | undefined;
}

const MOST_LOG_BYTES = 4 * 2 ** 20;

/** It may find that another daemon sits there already, and end at once. */
export function launchDaemon(
  home: Home,
  { entry, node, idleSeconds }: LaunchOptions,
): ChildProcess {
  if ((statSync(home.log, { throwIfNoEntry: false })?.size ?? 0) > MOST_LOG_BYTES) {
    renameSync(home.log, `${home.log}.old`);
  }
  const env = omit(process.env, "ELECTRON_RUN_AS_NODE", "NODE_OPTIONS");
  const idle = idleSeconds === undefined ? [] : ["--idle-seconds", String(idleSeconds)];
  const log = openSync(home.log, "a", 0o600);
  try {
    const child = spawn(node, [entry, "--home", home.folder, ...idle], {
      // Out of the window's process group and folder: it outlives both.
      detached: true,
      cwd: home.folder,
      stdio: ["ignore", log, log],
      windowsHide: true,
      env,
    });
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}
