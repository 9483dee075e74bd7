/** A method's name with the types that travel under it. */

/** A request: parameters `P`, answer `R`. The types exist for the compiler only. */
export interface RequestType<P, R> {
  readonly method: string;
  readonly types?: { readonly params: P; readonly result: R };
}

export interface NotificationType<P> {
  readonly method: string;
  readonly types?: { readonly params: P };
}

const PREFIX = "denoise-rotator/";

export const requestType = <P, R>(name: string): RequestType<P, R> => ({ method: PREFIX + name });

export const notificationType = <P>(name: string): NotificationType<P> => ({
  method: PREFIX + name,
});

/** What every JSON-RPC client library offers; the `LanguageClient` of VS Code and `vscode-jsonrpc` do. */
export interface RequestSender {
  sendRequest<R>(method: string, params: unknown, token?: unknown): Promise<R>;
}

/** Sends a request with its types checked: `await send(client, PLAN, { file })`. */
export function send<P, R>(
  sender: RequestSender,
  type: RequestType<P, R>,
  params: P,
  token?: unknown,
): Promise<R> {
  return token === undefined
    ? sender.sendRequest<R>(type.method, params)
    : sender.sendRequest<R>(type.method, params, token);
}

/** Parameters of requests that report LSP work-done progress while they run. */
export interface WorkDone {
  readonly workDoneToken?: string | number;
}

/**
 * Largest message a client may send, bytes. The largest honest one is a recipe open in an editor; the cap keeps a
 * broken or hostile client from filling the daemon's memory.
 */
export const MAX_MESSAGE_BYTES = 4 * 2 ** 20;
