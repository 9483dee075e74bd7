/**
 * The connection to the daemon: made when something needs it first, made again when it is lost. What it takes (the
 * language client, the search for a Node.js) is loaded with the first connection, so that activation stays light.
 */
import { EventEmitter, type CancellationToken, type Event } from "vscode";
import type { Disposable } from "./disposable.ts";
import { send, type NotificationType, type RequestType } from "../daemon/protocol.ts";
import type { Connected } from "./connection.ts";
import { daemonErrorOf, keepsEnding, type DaemonError } from "./errors.ts";

/** `off`: nothing needed it yet. `lost`: it could not be started, or went away and could not be found again. */
export type ClientState = "off" | "starting" | "ready" | "lost";

export interface DaemonClient {
  readonly state: ClientState;
  readonly onState: Event<ClientState>;
  /** Starts and attaches the daemon where needed. @throws DaemonError */
  request<P, R>(type: RequestType<P, R>, params: P, token?: CancellationToken): Promise<R>;
  /** Stays over reconnects; starts nothing. */
  onNotification<P>(type: NotificationType<P>, handler: (params: P) => void): Disposable;
  /** Connects where that has not happened yet. @throws DaemonError */
  start(): Promise<void>;
  /** Connects to a daemon that runs already; starts none. */
  attach(): Promise<void>;
}

/** Makes a connection, or finds no daemon to connect to (only where it must not start one). */
export type Connect = (options: {
  readonly mayStart: boolean;
  readonly onNotification: (method: string, params: unknown) => void;
  readonly methods: readonly string[];
  readonly onClose: () => void;
}) => Promise<Connected | null>;

const RETRY_AFTER_MS = [0, 500, 2000, 5000] as const;
/** A connection that held so long was a good one: the next loss is no sign of a daemon that keeps falling over. */
const GOOD_AFTER_MS = 30_000;

export class ReconnectingClient implements DaemonClient, Disposable {
  readonly #states = new EventEmitter<ClientState>();
  readonly #losses = new EventEmitter<DaemonError>();
  readonly #handlers = new Map<string, Set<(params: never) => void>>();
  #state: ClientState = "off";
  #connection: Promise<Connected | null> | null = null;
  /** Stands for the connection above, or the one being made: what is told of another is late. */
  #attempt: object | null = null;
  #failures = 0;
  #retry: NodeJS.Timeout | undefined;
  #disposed = false;

  /**
   * @param connect see {@link Connect}
   * @param ready called on every new connection before anything else is sent
   */
  constructor(
    private readonly connect: Connect,
    private readonly methods: readonly string[],
    private readonly ready: (connection: Connected) => Promise<void>,
  ) {}

  readonly onState = this.#states.event;
  /** It was tried often enough: the connection stays lost until the next request, or until it is asked for. */
  readonly onLost = this.#losses.event;

  get state(): ClientState {
    return this.#state;
  }

  async request<P, R>(type: RequestType<P, R>, params: P, token?: CancellationToken): Promise<R> {
    const connection = await this.#connected();
    try {
      return await send(connection, type, params, token);
    } catch (error) {
      throw daemonErrorOf(error);
    }
  }

  onNotification<P>(type: NotificationType<P>, handler: (params: P) => void): Disposable {
    const handlers = this.#handlers.get(type.method) ?? new Set();
    this.#handlers.set(type.method, handlers.add(handler));
    return { dispose: () => void handlers.delete(handler) };
  }

  async start(): Promise<void> {
    await this.#connected();
  }

  async attach(): Promise<void> {
    if (this.#connection === null) await this.#open(false);
  }

  dispose(): void {
    this.#disposed = true;
    clearTimeout(this.#retry);
    void this.#connection?.then((connection) => connection?.dispose()).catch(() => undefined);
    this.#states.dispose();
    this.#losses.dispose();
  }

  async #connected(): Promise<Connected> {
    for (;;) {
      // Who comes while a connection is being made waits for it, but need not share its fate: it may only have looked.
      const pending = this.#connection;
      const connection = pending ? await pending.catch(() => null) : await this.#open(true);
      if (connection) return connection;
    }
  }

  #open(mayStart: boolean): Promise<Connected | null> {
    clearTimeout(this.#retry);
    this.#become("starting");
    const attempt = {};
    this.#attempt = attempt;
    const opening = this.#openOnce(mayStart, attempt);
    this.#connection = opening;
    opening.then(
      (connection) => {
        if (this.#connection !== opening) return;
        if (connection === null) this.#forget();
        this.#become(connection === null ? "off" : "ready");
      },
      () => {
        if (this.#connection !== opening) return;
        this.#forget();
        this.#become("lost");
      },
    );
    return opening;
  }

  #forget(): void {
    this.#connection = null;
    this.#attempt = null;
  }

  async #openOnce(mayStart: boolean, attempt: object): Promise<Connected | null> {
    const since = performance.now();
    let connection: Connected | null = null;
    try {
      connection = await this.connect({
        mayStart,
        methods: this.methods,
        onNotification: (method, params) => {
          if (this.#attempt !== attempt) return;
          for (const handler of this.#handlers.get(method) ?? []) handler(params as never);
        },
        onClose: () => {
          if (this.#attempt === attempt) this.#lost(performance.now() - since);
        },
      });
      if (connection) await this.ready(connection);
      return connection;
    } catch (error) {
      // Nobody will know of it: an open one would keep the daemon from ending.
      void connection?.dispose().catch(() => undefined);
      throw daemonErrorOf(error);
    }
  }

  /** The daemon went: another is found or started, a few times. Its runs show as interrupted then. */
  #lost(heldMs: number): void {
    if (this.#disposed) return;
    this.#forget();
    this.#become("lost");
    if (heldMs > GOOD_AFTER_MS) this.#failures = 0;
    this.#reconnect();
  }

  #reconnect(): void {
    const after = RETRY_AFTER_MS[this.#failures++];
    if (after === undefined) {
      this.#losses.fire(keepsEnding());
      return;
    }
    this.#retry = setTimeout(() => {
      if (this.#connection !== null) return;
      this.#open(true).catch((error: unknown) => {
        if (this.#failures < RETRY_AFTER_MS.length) this.#reconnect();
        else this.#losses.fire(daemonErrorOf(error));
      });
    }, after);
  }

  #become(state: ClientState): void {
    if (this.#disposed || state === this.#state) return;
    this.#state = state;
    this.#states.fire(state);
  }
}
