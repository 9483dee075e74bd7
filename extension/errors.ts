/** What a failed request to the daemon rejects with. */
import { ERROR, type ErrorData } from "../daemon/protocol.ts";

type ErrorKind = ErrorData["kind"];

/** `connection`: the daemon went away or could not be started; the request may be sent again. */
export type FailureKind = ErrorKind | "connection";

export class DaemonError extends Error {
  override readonly name = "DaemonError";
  readonly option: string | undefined;

  constructor(
    /** Stable identifier such as `checkpoint/truncated`. */
    readonly code: string,
    readonly kind: FailureKind,
    /** For people; says what to do. */
    message: string,
    /** `option`: the recipe's option that it is about, such as `seqLen`. */
    { option, ...options }: ErrorOptions & { readonly option?: string | undefined } = {},
  ) {
    super(message, options);
    this.option = option;
  }
}

export const notAnswering = (pid: number): DaemonError =>
  new DaemonError(
    "daemon/not-answering",
    "failed",
    `The daemon (process ${pid}) does not answer. If it hangs, end that process and try again; runs can be resumed.`,
  );

export const keepsEnding = (): DaemonError =>
  new DaemonError(
    "daemon/keeps-ending",
    "connection",
    "The daemon ended several times within a short time and is not started again by itself. Its log tells why; connect again with Connect to the Daemon.",
  );

/**
 * By what it has, not by its class: each of the extension's two bundles holds a class of its own, and an error goes from
 * one to the other.
 */
export const isDaemonError = (error: unknown): error is DaemonError =>
  error instanceof Error &&
  error.name === "DaemonError" &&
  typeof property(error, "code") === "string" &&
  typeof property(error, "kind") === "string";

/** From whatever a JSON-RPC library, or the search for the daemon, throws. */
export function daemonErrorOf(error: unknown): DaemonError {
  if (isDaemonError(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  const options = { cause: error };
  const own = dataOf(error);
  if (own) return new DaemonError(own.code, own.kind, message, { ...options, option: own.option });
  if (numericCode(error) === ERROR.cancelled) {
    return new DaemonError("daemon/cancelled", "cancelled", message, options);
  }
  // The daemon's own failures carry data; what does not is of the connection.
  return new DaemonError("daemon/connection", "connection", message, options);
}

const KINDS: readonly string[] = ["usage", "input", "failed", "cancelled"] satisfies ErrorKind[];
const isKind = (kind: unknown): kind is ErrorKind =>
  typeof kind === "string" && KINDS.includes(kind);

/** A response's `data`, or the same of an error thrown in this process. */
function dataOf(error: unknown): ErrorData | null {
  for (const value of [property(error, "data"), error]) {
    const [code, kind] = [property(value, "code"), property(value, "kind")];
    const option = property(value, "option");
    if (typeof code !== "string" || !isKind(kind)) continue;
    return typeof option === "string" ? { code, kind, option } : { code, kind };
  }
  return null;
}

const numericCode = (error: unknown): unknown => property(error, "code");

const property = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null
    ? (Object.getOwnPropertyDescriptor(value, name)?.value as unknown)
    : undefined;
