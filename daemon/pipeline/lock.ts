/**
 * The lock of a work folder: names the process that holds it, well enough to tell it from a later one with the same
 * number, so that a lock left by a kill or a reboot is recognised and taken over.
 */
import { link, readFile, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout } from "node:timers/promises";
import { z } from "zod";
import { processState, type ProcessState } from "../processState.ts";
import { runInProgress } from "./errors.ts";

/** A killed run of 70B may have a driver clean up behind it. */
const ENDING_MS = 60_000;
const LOOK_EVERY_MS = 50;

const holderSchema = z.object({ pid: z.number(), host: z.string(), started: z.string() });
type Holder = z.infer<typeof holderSchema>;

/**
 * Waits for a holder that was killed and is not gone yet.
 *
 * @returns gives the lock back
 * @throws pipeline/run-in-progress; AbortError when `signal` aborts while it waits
 */
export async function takeLock(file: string, signal: AbortSignal): Promise<() => Promise<void>> {
  const self = await processState(process.pid);
  const started = self.life === "gone" ? "" : self.started;
  const own: Holder = { pid: process.pid, host: hostname(), started };
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
      if (holder && (await staysAlive(holder, signal))) throw runInProgress(file, holder.pid);
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

async function staysAlive(holder: Holder, signal: AbortSignal): Promise<boolean> {
  const until = performance.now() + ENDING_MS;
  for (;;) {
    const life = await lifeOf(holder);
    if (life === "gone") return false;
    if (life === "alive" || performance.now() > until) return true;
    await setTimeout(LOOK_EVERY_MS, undefined, { signal });
  }
}

/** A process on another machine cannot be asked: it counts as alive. */
async function lifeOf({ pid, host, started }: Holder): Promise<ProcessState["life"]> {
  if (host !== hostname()) return "alive";
  const state = await processState(pid);
  return state.life !== "gone" && state.started === started ? state.life : "gone";
}
