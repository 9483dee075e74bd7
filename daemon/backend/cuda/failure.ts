/**
 * A status that tells of a failure ends the device: work queued before it may be lost with it, so every later call
 * throws the same error instead of handing out what is left in memory.
 */
import type { DenoiseError } from "../../errors.ts";
import { deviceFailed } from "../errors.ts";
import { StatusError } from "./ffi/index.ts";

export class Failure {
  private error: DenoiseError | undefined;

  /** @param gpu for messages */
  constructor(private readonly gpu: string) {}

  /** Nothing can be given back then: the driver does when the process ends. */
  get happened(): boolean {
    return this.error !== undefined;
  }

  /**
   * @param what was being done, for the message
   * @throws backend/device-failed once a status told of a failure; other errors of `action` as they are
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
    this.error ??= deviceFailed("cuda", `${this.gpu}: ${error.message}${during}`, error);
    return this.error;
  }

  assertNone(): void {
    if (this.error !== undefined) throw this.error;
  }
}
