/** What a job computes on: at most one job runs on each GPU and one on the processor. */
import type { JobRequest } from "../protocol/jobs.ts";
import type { Helper } from "./helper.ts";

/** The processor, a GPU that the device chooses by itself, or GPUs by number. */
export type Slot = "cpu" | "gpu" | readonly number[];

/** Whether two jobs would compute on the same. A GPU that is not named may be any. */
export function clash(a: Slot, b: Slot): boolean {
  if (a === "cpu" || b === "cpu") return a === b;
  return a === "gpu" || b === "gpu" || a.some((gpu) => b.includes(gpu));
}

/**
 * Which of the queued may start beside those that run: who clashes with one that came before it waits too, so that
 * nobody is overtaken for ever.
 *
 * @param queued in the order they came
 */
export function mayStart(running: readonly Slot[], queued: readonly Slot[]): boolean[] {
  const before = [...running];
  return queued.map((slot) => {
    const free = !before.some((other) => clash(other, slot));
    before.push(slot);
    return free;
  });
}

const never = new AbortController().signal;

export class Slots {
  #auto: Promise<Slot> | null = null;

  constructor(private readonly helper: Pick<Helper, "ask">) {}

  /** Looking for what `auto` takes lasts a second, the first time. */
  of(request: JobRequest): Promise<Slot> {
    const { device = "auto" } = request.kind === "prune" ? request.recipe : request.evaluate;
    if (device === "auto") return (this.#auto ??= this.#lookForAuto());
    if (device === "wasm") return Promise.resolve("cpu");
    const numbers = /^cuda:(.*)$/.exec(device)?.[1];
    return Promise.resolve(numbers === undefined ? "gpu" : numbers.split(",").map(Number));
  }

  /** What `auto` takes may be another device from now on. */
  forget(): void {
    this.#auto = null;
  }

  async #lookForAuto(): Promise<Slot> {
    try {
      const devices = await this.helper.ask("devices", null, never);
      const first = devices.find(({ available, automatic }) => available && automatic);
      return first && first.device !== "wasm" ? "gpu" : "cpu";
    } catch {
      // One after the other is always right.
      return "gpu";
    }
  }
}
