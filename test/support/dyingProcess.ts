/** Processes at the end of their life, which real runs leave when they are killed. Linux only. */
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";

export interface DyingProcess {
  readonly pid: number;
  /** Takes away what is left of it. */
  readonly end: () => void;
}

/** Number of the system call that ends one thread alone: exit(2). */
const EXIT: Partial<Record<NodeJS.Architecture, number>> = { x64: 60, arm64: 93 };

export const canMakeDying = process.platform === "linux" && process.arch in EXIT;

/** Its first thread has ended and others have not, as when one of them waits for a disk. Ends for good with `end`. */
export async function endingProcess(): Promise<DyingProcess> {
  const script = `
    const libc = require("koffi").load("libc.so.6");
    console.log(process.pid);
    setTimeout(() => libc.func("long syscall(long, long)")(${EXIT[process.arch]}, 0), 50);`;
  const child = spawn(process.execPath, ["-e", script], {
    // Where koffi is found from.
    cwd: import.meta.dirname,
    stdio: ["ignore", "pipe", "inherit"],
  });
  return { pid: await firstNumber(child), end: () => child.kill("SIGKILL") };
}

/** It has ended, and the process that has started it never asks how. */
export async function zombie(): Promise<DyingProcess> {
  const script = "sleep 0 & echo $!; exec sleep 600";
  const parent = spawn("sh", ["-c", script], { stdio: ["ignore", "pipe", "inherit"] });
  return { pid: await firstNumber(parent), end: () => parent.kill("SIGKILL") };
}

async function firstNumber({ stdout }: ChildProcess): Promise<number> {
  if (!stdout) throw new Error("no output to read");
  for await (const line of createInterface({ input: stdout })) return Number(line);
  throw new Error("the process said nothing");
}
