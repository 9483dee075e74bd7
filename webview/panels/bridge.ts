/** A page's end of the message bridge: requests with cancellation, checked answers, events, and state over reloads. */
import {
  hostMessage,
  METHODS,
  requestKey,
  type HostMessage,
  type MethodName,
  type PageMessage,
  type Params,
  type Result,
  type RunSource,
} from "../messages.ts";

/** What VS Code gives a page, once. */
export interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

/** Why a request failed. `code` is the daemon's, or `cancelled`, `connection`, `bad-answer`. */
export class RequestError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** Messages that come without having been asked for. */
export type HostEvent = Exclude<HostMessage, { type: "answer" | "failure" }>;

interface Pending {
  readonly method: MethodName;
  resolve(result: unknown): void;
  reject(error: RequestError): void;
}

export class Bridge {
  readonly #pending = new Map<number, Pending>();
  /** Answers that came before they were asked for, by request; each is used once. */
  readonly #ahead = new Map<string, unknown>();
  #listener: (event: HostEvent) => void = () => undefined;
  #nextId = 1;
  #source: RunSource | null = null;

  constructor(private readonly api: VsCodeApi = acquireVsCodeApi()) {
    window.addEventListener("message", (event) => {
      this.#receive(event.data);
    });
  }

  /** Says that the page listens; the host answers with `show`. */
  start(listener: (event: HostEvent) => void): void {
    this.#listener = listener;
    this.post({ type: "ready" });
  }

  post(message: PageMessage): void {
    this.api.postMessage(message);
  }

  /** @throws {RequestError} */
  request<M extends MethodName>(
    method: M,
    params: Params<M>,
    signal?: AbortSignal,
  ): Promise<Result<M>> {
    const id = this.#nextId++;
    return new Promise<Result<M>>((resolve, reject) => {
      if (signal?.aborted) {
        reject(cancelled());
        return;
      }
      this.#pending.set(id, {
        method,
        // The answer passed the schema of `method` in #answer.
        resolve: resolve,
        reject,
      });
      const key = requestKey(method, params);
      if (this.#ahead.has(key)) {
        const result = this.#ahead.get(key);
        this.#ahead.delete(key);
        this.#answer(id, result);
        return;
      }
      signal?.addEventListener(
        "abort",
        () => {
          if (!this.#pending.delete(id)) return;
          this.post({ type: "cancel", id });
          reject(cancelled());
        },
        { once: true },
      );
      // The compiler cannot follow that `params` belongs to `method`; the signature above ties them.
      this.post({ type: "request", id, method, params } as unknown as PageMessage);
    });
  }

  /** The page's own part of the state, unchecked: see {@link save}. */
  saved(): unknown {
    const state = this.api.getState();
    return typeof state === "object" && state !== null && "page" in state ? state.page : undefined;
  }

  /** Keeps `page` over a reload of the window, with what the host bound the panel to. */
  save(page: unknown): void {
    this.api.setState({ source: this.#source, page });
  }

  #receive(data: unknown): void {
    const parsed = hostMessage.safeParse(data);
    if (!parsed.success) {
      // Not ours: browsers and extensions of theirs post messages to pages too.
      return;
    }
    const message = parsed.data;
    if (message.type === "failure") {
      this.#take(message.id)?.reject(new RequestError(message.code, message.message));
    } else if (message.type === "answer") {
      this.#answer(message.id, message.result);
    } else {
      // Whatever happens may make them old.
      this.#ahead.clear();
      if (message.type === "show") {
        this.#source = message.source;
        for (const { method, params, result } of message.ahead ?? []) {
          this.#ahead.set(requestKey(method, params), result);
        }
      }
      this.#listener(message);
    }
  }

  #answer(id: number, answer: unknown): void {
    const pending = this.#take(id);
    if (!pending) return;
    const result = METHODS.results[pending.method].safeParse(answer);
    if (result.success) pending.resolve(result.data);
    else pending.reject(badAnswer(pending.method, result.error.issues[0]?.path.join(".") ?? ""));
  }

  /** Undefined for an answer nobody waits for any more. */
  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }
}

const cancelled = (): RequestError => new RequestError("cancelled", "Cancelled.");

const badAnswer = (method: string, where: string): RequestError =>
  new RequestError(
    "bad-answer",
    `The answer to “${method}” is not what this version expects (at ${where}). Reload the window; if it stays, the daemon is of another version: restart it.`,
  );
