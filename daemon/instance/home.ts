/**
 * The state folder of one user on one machine: jobs, log, and the daemon's seat. 0700 and owned by the user, because
 * it holds the token; everything a daemon creates in it is private by that.
 */
import { lstat, mkdir } from "node:fs/promises";
import { homedir, hostname } from "node:os";
import { join, resolve } from "node:path";
import { folderFailed, notPrivate } from "./errors.ts";

export interface Home {
  readonly folder: string;
  readonly jobs: string;
  readonly log: string;
}

/**
 * Below the home folder, not in a runtime folder: that one goes at logout, while runs go on. A home folder may be
 * shared by several Linux machines, so each has its own part; elsewhere host names change with the network.
 */
export function stateFolder(env: NodeJS.ProcessEnv = process.env): string {
  const given = env.DENOISE_ROTATOR_HOME;
  if (given !== undefined && given !== "") return resolve(given);
  const machine = process.platform === "linux" ? hostname().replaceAll(/[^\w.-]/g, "_") : "local";
  return join(homedir(), ".denoise-rotator", machine);
}

/** Creates it where needed. @throws daemon/folder-not-private, daemon/folder-failed */
export async function openHome(folder: string): Promise<Home> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await assertPrivate(folder);
    const jobs = join(folder, "jobs");
    await mkdir(jobs, { recursive: true, mode: 0o700 });
    return homeAt(folder);
  } catch (cause) {
    throw cause instanceof Error && "syscall" in cause ? folderFailed(folder, cause) : cause;
  }
}

export const homeAt = (folder: string): Home => ({
  folder,
  jobs: join(folder, "jobs"),
  log: join(folder, "daemon.log"),
});

/** @throws daemon/folder-not-private */
export async function assertPrivate(folder: string): Promise<void> {
  const stats = await lstat(folder);
  if (!stats.isDirectory()) throw notPrivate(folder, "is not a folder");
  // Windows has no mode bits; a profile folder is private there.
  if (process.getuid === undefined) return;
  if (stats.uid !== process.getuid()) throw notPrivate(folder, "belongs to another user");
  if ((stats.mode & 0o077) !== 0) throw notPrivate(folder, "can be opened by other users");
}
