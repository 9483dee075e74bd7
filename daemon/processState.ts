/**
 * How another process stands. A killed one is not gone at once: its threads may be waiting for a disk, a driver gives
 * back its GPU memory, and until all that is done its number, and what it was writing, are still there. Nor is it there
 * for ever where nobody asks for its end, as in a container without an init process: then it stays as a zombie.
 */
import { readFile } from "node:fs/promises";

export type ProcessState =
  | { readonly life: "gone" }
  | {
      /** `ending`: it runs no code of its own any more. Only Linux tells that; elsewhere such a process is `alive`. */
      readonly life: "alive" | "ending";
      /** When it started, in the kernel's own words, to tell it from a later one of its number; empty elsewhere. */
      readonly started: string;
    };

const GONE: ProcessState = { life: "gone" };
/** `PF_EXITING`, see proc_pid_stat(5). */
const EXITING = 0x4;
/** SIGKILL among pending signals, which count from 1. */
const KILL_PENDING = 1n << 8n;

export async function processState(pid: number): Promise<ProcessState> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Another user's process may not be signalled, but it is there.
    if (!(error instanceof Error && "code" in error && error.code === "EPERM")) return GONE;
  }
  const stat = await fieldsOf(pid);
  if (!stat) return { life: "alive", started: "" };
  const [state = "", flags, threads, started = ""] = [stat[0], stat[6], stat[17], stat[19]];
  const dead = state === "Z" || state === "X";
  // A process whose first thread is dead looks like a zombie while others of its threads still end.
  if (dead && Number(threads) <= 1) return GONE;
  const ending = dead || (Number(flags) & EXITING) !== 0 || (await killPending(pid));
  return { life: ending ? "ending" : "alive", started };
}

/** `/proc/<pid>/stat` from its third field on; null where there is none. */
async function fieldsOf(pid: number): Promise<string[] | null> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  // The second field is the command in parentheses and may hold spaces.
  return stat === null ? null : stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

async function killPending(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return [...status.matchAll(/^(?:SigPnd|ShdPnd):\s*([\da-f]+)$/gm)].some(
    ([, mask = "0"]) => (BigInt(`0x${mask}`) & KILL_PENDING) !== 0n,
  );
}
