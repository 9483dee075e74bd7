/**
 * The host's end of the bridge to one page: what the page posts is checked and carried out, requests are answered,
 * failed or cancelled, each exactly once. Knows no VS Code, so that tests drive it with a real page and a real daemon.
 */
import { z } from "zod";
import {
  pageMessage,
  type HostMessage,
  type MethodName,
  type PageMessage,
  type Params,
  type Result,
} from "../../webview/messages.ts";
import { isDaemonError } from "../errors.ts";

export type PageRequest = Extract<PageMessage, { type: "request" }>;

/** Answers what one panel's pages may ask. @typeParam Token what carries a cancellation */
export interface Answers<Token> {
  answer<M extends MethodName>(method: M, params: Params<M>, token: Token): Promise<Result<M>>;
}

export interface SessionOptions<Token> {
  readonly answers: Answers<Token>;
  readonly cancellation: () => { readonly token: Token; readonly cancel: () => void };
  readonly post: (message: HostMessage) => void;
  /** Everything but requests. */
  readonly act: (message: Exclude<PageMessage, { type: "request" | "cancel" }>) => void;
  /** A message that is none, or a defect while answering one: for the log. */
  readonly complain: (text: string) => void;
}

export class PageSession<Token> {
  readonly #open = new Map<number, () => void>();

  constructor(private readonly options: SessionOptions<Token>) {}

  /** A message as it comes from the page, unchecked. */
  receive(data: unknown): void {
    const parsed = pageMessage.safeParse(data);
    if (!parsed.success) {
      this.options.complain(`a page sent what is no message: ${z.prettifyError(parsed.error)}`);
      return;
    }
    const message = parsed.data;
    if (message.type === "request") void this.#answer(message);
    else if (message.type === "cancel") this.#open.get(message.id)?.();
    else this.options.act(message);
  }

  /** Cancels what is open; nothing is posted any more. */
  dispose(): void {
    for (const cancel of this.#open.values()) cancel();
    this.#open.clear();
  }

  async #answer({ id, method, params }: PageRequest): Promise<void> {
    if (this.#open.has(id)) return;
    const { token, cancel } = this.options.cancellation();
    this.#open.set(id, cancel);
    const reply = await this.options.answers
      .answer(method, params, token)
      .then((result): HostMessage => ({ type: "answer", id, result }))
      .catch((error: unknown): HostMessage => this.#failure(id, error));
    // The page is gone.
    if (this.#open.delete(id)) this.options.post(reply);
  }

  #failure(id: number, error: unknown): HostMessage {
    if (isDaemonError(error)) {
      return { type: "failure", id, code: error.code, message: error.message };
    }
    this.options.complain(error instanceof Error ? (error.stack ?? error.message) : String(error));
    const message = error instanceof Error ? error.message : String(error);
    return { type: "failure", id, code: "panels/unexpected", message };
  }
}
