/** What the daemon answers when it cannot do what was asked. */
import type { ErrorKind } from "../errors.ts";

/** JSON-RPC error codes. The first four are the kinds of a failure; the others belong to the protocol. */
export const ERROR = {
  /** The request contradicts itself or the state it meets: change the request. */
  usage: 1001,
  /** A file the request names is not what it should be: change the file. */
  input: 1002,
  /** The work was right to start and failed. */
  failed: 1003,
  /** Cancelled by `$/cancelRequest` or by cancelling the job (LSP's RequestCancelled). */
  cancelled: -32800,
  /** No or a wrong token; the connection is closed. */
  unauthorized: 1010,
  /** A message larger than allowed; the connection is closed. */
  tooLarge: 1011,
  /** Not JSON (JSON-RPC). Where the framing is broken too, the connection is closed. */
  parse: -32700,
  /** JSON, but no JSON-RPC message. */
  invalidRequest: -32600,
  /** The parameters are not those of the request. */
  invalidParams: -32602,
  /** A defect of the daemon. */
  internal: -32603,
} as const satisfies Record<ErrorKind, number> & Record<string, number>;

/** `data` of every error with a code of the first three kinds, and of a cancelled one. */
export interface ErrorData {
  /** Stable identifier such as `checkpoint/truncated`; match on this, show the message. */
  readonly code: string;
  readonly kind: ErrorKind;
  /** The place in a recipe that it is about, such as `seqLen` or `evaluation.text`, where it is about one. */
  readonly option?: string;
}

/** An error as a value: of a job that failed. */
export interface ErrorInfo extends ErrorData {
  /** For people; says what to do. */
  readonly message: string;
}
