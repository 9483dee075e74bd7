/**
 * Keeps the promise of Ctrl-C while the main thread computes: one matrix product of a large model can take longer
 * than the promised two seconds, and no signal listener runs before it returns. A thread of its own hears the signal
 * as well and ends the process when the main thread has not done so in time.
 */
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";

export interface Watchdog {
  /** The main thread heard the signal and told the person. */
  told(): void;
  /** The work is over. */
  stop(): void;
}

export interface WatchdogOptions {
  /** Said to the person when the main thread could not. */
  readonly text: string;
  readonly patienceMs: number;
  readonly exitCode: number;
}

interface WorkerData extends WatchdogOptions {
  readonly koffi: string | null;
  readonly told: Int32Array;
  readonly signals: readonly number[];
}

const SIGINT = 2;
const SIGTERM = 15;

export function startWatchdog(options: WatchdogOptions): Watchdog {
  const told = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const worker = new Worker(`(${watch.toString()})();`, {
    eval: true,
    workerData: {
      ...options,
      koffi: koffiUrl(),
      told,
      signals: [SIGINT, SIGTERM],
    } satisfies WorkerData,
  });
  worker.unref();
  // Where the thread cannot listen, the main thread's own timer is all there is.
  worker.on("error", () => undefined);
  return {
    told: () => {
      Atomics.store(told, 0, 1);
    },
    stop: () => {
      void worker.terminate();
    },
  };
}

/** Where it is not installed the thread ends the process by SIGKILL. */
function koffiUrl(): string | null {
  try {
    return pathToFileURL(createRequire(import.meta.url).resolve("koffi")).href;
  } catch {
    return null;
  }
}

/**
 * The thread. Its text is all it has: nothing from outside this function. Node delivers `process.on("SIGINT")` to the
 * main thread alone; the signal handle below it works in any thread, and `process.binding` is the only way to it.
 */
async function watch(): Promise<void> {
  const threads = await import("node:worker_threads");
  const { writeSync } = await import("node:fs");
  const { isatty } = await import("node:tty");
  const { text, patienceMs, exitCode, koffi, told, signals } = threads.workerData as WorkerData;

  interface SignalHandle {
    onsignal: () => void;
    start(signal: number): number;
  }
  const host = process as unknown as {
    noDeprecation: boolean;
    binding(name: "signal_wrap"): { Signal: new () => SignalHandle };
  };
  host.noDeprecation = true;

  // `process.exit` would wait for the main thread; the C library's does not.
  const end = async () => {
    try {
      const library = (await import(koffi ?? "")) as {
        default: { load(path: null): { func(prototype: string): (code: number) => void } };
      };
      library.default.load(null).func("void _exit(int)")(exitCode);
    } catch {
      process.kill(process.pid, "SIGKILL");
    }
  };
  const timeUp = () => {
    // The main thread may be busy again since, with its moving lines on the screen and the cursor hidden.
    if (isatty(2)) writeSync(2, "\u001b[?25h");
    if (Atomics.load(told, 0) === 0) writeSync(2, `${text}\n`);
    void end();
  };
  let heard = 0;
  for (const signal of signals) {
    const handle = new (host.binding("signal_wrap").Signal)();
    handle.onsignal = () => {
      if (heard++ === 0) setTimeout(timeUp, patienceMs);
      else timeUp();
    };
    handle.start(signal);
  }
}
