/**
 * How a request is handled: parameters checked, cancellation as an `AbortSignal`, and the single catch, in which every
 * failure becomes a JSON-RPC error of the protocol.
 */
import {
  CancellationToken,
  LSPErrorCodes,
  ResponseError,
  type Connection,
  type WorkDoneProgressReporter,
} from "vscode-languageserver";
import { z } from "zod";
import { DenoiseError } from "../errors.ts";
import { infoOf } from "../jobs/index.ts";
import { ERROR, type ErrorData } from "../protocol/errors.ts";
import type { RequestType } from "../protocol/message.ts";

export interface Call {
  readonly signal: AbortSignal;
  /** Discards what it is told where the client gave no token. */
  readonly progress: WorkDoneProgressReporter;
}

/** @param schema gives the parameters of `type`, or more */
export function handle<P, R>(
  connection: Connection,
  type: RequestType<P, R>,
  schema: z.ZodType<P>,
  handler: (params: P, call: Call) => R | Promise<R>,
): void {
  // By position or by name, none or many: the last argument is always the token.
  connection.onRequest(type.method, async (...args: unknown[]) => {
    const token = args.at(-1);
    const parsed = schema.safeParse(args.length > 1 ? args[0] : {});
    if (!parsed.success) {
      const text = `${type.method}: ${z.prettifyError(parsed.error)}`;
      return new ResponseError(ERROR.invalidParams, text);
    }
    const call = {
      signal: CancellationToken.is(token) ? signalOf(token) : new AbortController().signal,
      progress: connection.window.attachWorkDoneProgress(tokenOf(parsed.data)),
    };
    try {
      return await handler(parsed.data, call);
    } catch (error) {
      return errorResponse(error, call.signal);
    }
  });
}

function errorResponse(error: unknown, signal: AbortSignal): ResponseError<ErrorData> {
  if (error instanceof DenoiseError) {
    const { message, ...data } = infoOf(error);
    return new ResponseError(ERROR[data.kind], message, data);
  }
  if (signal.aborted) {
    const data = { code: "daemon/cancelled", kind: "cancelled" } as const;
    return new ResponseError(LSPErrorCodes.RequestCancelled, "Cancelled.", data);
  }
  console.error(error);
  return new ResponseError(
    ERROR.internal,
    `Internal error, please report it with the daemon's log: ${String(error)}`,
    { code: "internal", kind: "failed" },
  );
}

function signalOf(token: CancellationToken): AbortSignal {
  const controller = new AbortController();
  if (token.isCancellationRequested) controller.abort();
  token.onCancellationRequested(() => {
    controller.abort();
  });
  return controller.signal;
}

function tokenOf(params: unknown): string | number | undefined {
  if (typeof params !== "object" || params === null || !("workDoneToken" in params))
    return undefined;
  const { workDoneToken } = params;
  return typeof workDoneToken === "string" || typeof workDoneToken === "number"
    ? workDoneToken
    : undefined;
}
