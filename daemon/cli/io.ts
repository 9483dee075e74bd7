/** The process around a command: what it writes to, what interrupts it. Tests put their own in its place. */
import { basename, relative } from "node:path";
import { shellWord } from "../wording.ts";
import { startWatchdog } from "./watchdog.ts";
import type { Watchdog, WatchdogOptions } from "./watchdog.ts";

export type Output = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How the person started the program, for commands that messages tell them to type. */
  readonly program: string;
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** Calls `listener` on every Ctrl-C or SIGTERM until the returned function is called. */
  onInterrupt(listener: () => void): () => void;
  /** Ends the process after an interrupt even while the main thread is busy. */
  readonly watchdog: (options: WatchdogOptions) => Watchdog;
  /** Ends the process at once, whatever still runs in it. */
  exit(code: number): void;
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

export function processIo(): Io {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    program: programName(process.argv[1] ?? "denoise-rotator", process.cwd()),
    now: () => performance.now(),
    onInterrupt(listener) {
      for (const signal of SIGNALS) process.on(signal, listener);
      return () => {
        for (const signal of SIGNALS) process.off(signal, listener);
      };
    },
    watchdog: startWatchdog,
    exit: (code) => process.exit(code),
  };
}

/** `denoise-rotator` where the installed command was called, else `node dist/cli.js` as seen from here. */
export function programName(script: string, cwd: string): string {
  if (basename(script) === "denoise-rotator") return "denoise-rotator";
  return `node ${shellWord(relative(cwd, script))}`;
}
