/**
 * A status that tells of a failure ends the device: work queued before it may be lost with it, so every later call
 * throws the same error instead of handing out what is left in memory. So does giving the device back: its handles
 * mean nothing from then on, and a real driver does not look before it follows them.
 */
import { deviceFailed } from "../errors.ts";
import { StatusError } from "./ffi/index.ts";

/** What the driver's words do not say. */
const REASONS: Readonly<Record<number, string>> = {
  // CUDA_ERROR_ECC_UNCORRECTABLE
  214: "its memory is damaged, take another GPU (`nvidia-smi -q -d ECC`)",
  // CUDA_ERROR_LAUNCH_TIMEOUT
  702: "the system ends what takes seconds on a GPU that has a display, take one that has none",
};

export class Failure {
  private error: Error | undefined;

  /** @param gpu for messages */
  constructor(private readonly gpu: string) {}

  /** Nothing can be given back then: it was, or the driver does when the process ends. */
  get happened(): boolean {
    return this.error !== undefined;
  }

  /**
   * @param what was being done, for the message
   * @throws backend/device-failed once a status told of a failure, an error after {@link close}; other errors of
   *   `action` as they are
   */
  guarded<T>(action: () => T, what?: () => string): T {
    this.assertNone();
    try {
      return action();
    } catch (error) {
      throw this.of(error, what);
    }
  }

  /** What to throw instead of `error`. */
  of(error: unknown, what?: () => string): unknown {
    if (!(error instanceof StatusError)) return error;
    const during = what === undefined ? "" : ` (${what()})`;
    const known = REASONS[error.status];
    const why = known === undefined || error.call.startsWith("cublas") ? "" : `; ${known}`;
    this.error ??= deviceFailed("cuda", `${this.gpu}: ${error.message}${during}${why}`, error);
    return this.error;
  }

  /** The device was given back. */
  close(): void {
    this.error ??= new Error(`cuda: ${this.gpu} was given back, and is used nevertheless`);
  }

  assertNone(): void {
    if (this.error !== undefined) throw this.error;
  }
}
