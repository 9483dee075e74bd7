/** Workers that a killed daemon has left. They end by themselves, but perhaps only after a long kernel. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { processState } from "../processState.ts";

const GONE_MS = 5000;
const LOOK_EVERY_MS = 50;

/**
 * Kills process `pid` if it is the worker of job `id`, and waits a while for its end, which may need a disk or a driver;
 * whoever goes on with its run waits for the rest of it (pipeline/lock.ts). Process numbers are used again: what does
 * not carry the job's id in its command line is left alone.
 */
export async function endOrphan(pid: number, id: string): Promise<void> {
  if (!(await commandLine(pid)).includes(id)) return;
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    return;
  }
  const until = performance.now() + GONE_MS;
  while (performance.now() < until && (await processState(pid)).life !== "gone") {
    await setTimeout(LOOK_EVERY_MS);
  }
}

/** Empty where there is no such process, and on Windows, which has no cheap way to ask. */
async function commandLine(pid: number): Promise<string> {
  if (process.platform === "win32") return "";
  if (process.platform === "linux") {
    return readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  }
  return new Promise((resolve) => {
    execFile("ps", ["-o", "command=", "-p", String(pid)], (error, stdout) => {
      resolve(error ? "" : stdout);
    });
  });
}
