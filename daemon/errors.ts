/**
 * The one error type of the daemon side. Every failure a person can meet has a code and a factory, and the
 * factory's text says what to do. Rooms keep their factories in an `errors.ts` of their own, built with
 * {@link coded}; only the outermost layer (command line, session) catches.
 */
import { inWords, terminalWords, type Text } from "./wording.ts";

/** What the failure means for the caller: decides the exit code and how loudly it is shown. */
export type ErrorKind = "usage" | "input" | "failed" | "cancelled";

export class DenoiseError extends Error {
  override readonly name = "DenoiseError";

  constructor(
    /** Stable identifier such as `checkpoint/truncated`; never reworded, tests and editors match on it. */
    readonly code: string,
    readonly kind: ErrorKind,
    /** `message` is this in the words of the command line. */
    readonly text: Text,
    options?: ErrorOptions,
  ) {
    super(inWords(text, terminalWords), options);
  }
}

/** Makes the error of one room: `const inputError = coded("checkpoint", "input")`. */
export function coded(room: string, kind: ErrorKind) {
  return (code: string, text: Text, cause?: unknown): DenoiseError =>
    new DenoiseError(
      `${room}/${code}`,
      kind,
      text,
      cause === undefined ? undefined : { cause: cause },
    );
}

/** Process exit code: 0 is success, 1 a failed run, 2 bad usage or input, 130 cancelled (as after SIGINT). */
export function exitCode(error: unknown): 1 | 2 | 130 {
  if (!(error instanceof DenoiseError)) return 1;
  switch (error.kind) {
    case "usage":
    case "input":
      return 2;
    case "cancelled":
      return 130;
    case "failed":
      return 1;
    default:
      return error.kind satisfies never;
  }
}
