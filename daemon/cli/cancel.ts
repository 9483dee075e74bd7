/** Ctrl-C: once asks the work to stop, twice does not ask. */
import { DenoiseError } from "../errors.ts";
import { cancelled } from "./errors.ts";
import type { Io } from "./io.ts";

/** The promise is 2 s; what has not stopped a little before is stopped. Work folders survive that by design. */
const PATIENCE_MS = 1500;
const CANCELLED = 130;

/** What is said where there is nothing to go on with. */
export const STOPPING: readonly string[] = ["", "  Stopping."];

export interface Interruption {
  /** What the person is told, once, on the first interrupt. */
  readonly announcement: readonly string[];
  /** Whether the work has left nothing to go on with yet: then only that it stops is said. */
  readonly nothingKept?: () => boolean;
  readonly print: (...lines: readonly string[]) => void;
  /** Before the process ends without returning from the work: give the terminal back. */
  readonly release: () => void;
}

/**
 * Runs `work` with a signal that an interrupt aborts. Work that ends well all the same has its result returned.
 * @throws DenoiseError `cli/cancelled` where the aborted work failed with anything but a DenoiseError of its own
 */
export async function interruptible<T>(
  io: Io,
  interruption: Interruption,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const watchdog = io.watchdog({
    text: interruption.announcement.join("\n"),
    patienceMs: PATIENCE_MS,
    exitCode: CANCELLED,
  });
  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    interruption.release();
    io.exit(CANCELLED);
  };
  const forget = io.onInterrupt(() => {
    if (controller.signal.aborted) {
      stop();
      return;
    }
    watchdog.told();
    interruption.print(...(interruption.nothingKept?.() ? STOPPING : interruption.announcement));
    timer = setTimeout(stop, PATIENCE_MS);
    controller.abort();
  });
  try {
    return await work(controller.signal);
  } catch (error) {
    throw controller.signal.aborted && !(error instanceof DenoiseError) ? cancelled() : error;
  } finally {
    clearTimeout(timer);
    forget();
    watchdog.stop();
  }
}
