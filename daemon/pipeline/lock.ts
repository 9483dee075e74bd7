/**
 * The lock of a work folder: names the process that holds it, well enough to tell it from a later one with the same
 * number, so that a lock left by a kill or a reboot is recognised and taken over.
 */
import { link, readFile, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { z } from "zod";
import { runInProgress } from "./errors.ts";

const holderSchema = z.object({ pid: z.number(), host: z.string(), started: z.string() });
type Holder = z.infer<typeof holderSchema>;

/**
 * @returns gives the lock back
 * @throws pipeline/run-in-progress
 */
export async function takeLock(file: string): Promise<() => Promise<void>> {
  const own: Holder = {
    pid: process.pid,
    host: hostname(),
    started: await startTime(process.pid),
  };
  // Written elsewhere and linked into place: the lock is never there without its content.
  const draft = `${file}.${own.pid}`;
  await writeFile(draft, JSON.stringify(own));
  try {
    for (;;) {
      try {
        await link(draft, file);
        return () => rm(file, { force: true });
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
      }
      const holder = await readHolder(file);
      if (holder && (await isAlive(holder))) throw runInProgress(file, holder.pid);
      await rm(file, { force: true });
    }
  } finally {
    await rm(draft, { force: true });
  }
}

async function readHolder(file: string): Promise<Holder | null> {
  try {
    return holderSchema.parse(JSON.parse(await readFile(file, "utf8")));
  } catch {
    return null;
  }
}

/** A process on another machine cannot be asked: it counts as alive. */
async function isAlive({ pid, host, started }: Holder): Promise<boolean> {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EPERM")) return false;
  }
  return (await startTime(pid)) === started;
}

/** When a process started, in the kernel's own words (Linux: field 22 of `/proc/<pid>/stat`); empty elsewhere. */
async function startTime(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // The second field is the command in parentheses and may hold spaces.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}
