/**
 * The door of a connection, in front of the language server library: only well-formed messages pass, none before the
 * right token was shown, and none that the library would take as a reason to end the process.
 */
import { timingSafeEqual } from "node:crypto";
import type { Socket } from "node:net";
import {
  AbstractMessageReader,
  Message,
  type DataCallback,
  type Disposable,
  type MessageReader,
} from "vscode-jsonrpc/node";
import { z } from "zod";
import { ERROR } from "../protocol/errors.ts";
import { MAX_MESSAGE_BYTES } from "../protocol/message.ts";
import { FrameParser } from "./frames.ts";

/** Long enough for any start of a client; a connection that says nothing is not kept. */
const INITIALIZE_WITHIN_MS = 30_000;

const envelope = z.looseObject({ jsonrpc: z.literal("2.0") });
const initialize = z.looseObject({
  method: z.literal("initialize"),
  id: z.union([z.string(), z.number()]),
  params: z.looseObject({ initializationOptions: z.looseObject({ token: z.string() }) }),
});

export class Door extends AbstractMessageReader implements MessageReader {
  readonly #frames = new FrameParser(MAX_MESSAGE_BYTES);
  #open = false;

  constructor(
    private readonly socket: Socket,
    private readonly token: string,
  ) {
    super();
  }

  listen(callback: DataCallback): Disposable {
    const late = setTimeout(() => this.socket.destroy(), INITIALIZE_WITHIN_MS);
    const onData = (chunk: Buffer) => {
      for (const event of this.#frames.push(chunk)) {
        if (event.type === "defect") {
          this.#refuse(null, event.code, event.text, event.fatal || !this.#open);
        } else {
          this.#receive(event.value, callback);
        }
        if (this.#open) clearTimeout(late);
      }
    };
    this.socket.on("data", onData);
    this.socket.on("error", (error) => {
      this.fireError(error);
    });
    this.socket.on("close", () => {
      clearTimeout(late);
      this.fireClose();
    });
    return {
      dispose: () => {
        this.socket.off("data", onData);
      },
    };
  }

  #receive(value: unknown, callback: DataCallback): void {
    const message = asMessage(value);
    if (message === null) {
      this.#refuse(null, ERROR.invalidRequest, "This is no JSON-RPC 2.0 message.", !this.#open);
    } else if (!this.#open && !this.#mayEnter(value)) {
      const id = Message.isRequest(message) ? message.id : null;
      const text = "Show the token of daemon.json in initialize's initializationOptions first.";
      this.#refuse(id, ERROR.unauthorized, text, true);
    } else if (Message.isNotification(message) && message.method === "exit") {
      // The end of this client, not of the daemon.
      this.socket.end();
    } else {
      callback(this.#open ? message : withoutProcessId(message));
      this.#open = true;
    }
  }

  #mayEnter(value: unknown): boolean {
    const parsed = initialize.safeParse(value);
    if (!parsed.success) return false;
    const shown = Buffer.from(parsed.data.params.initializationOptions.token);
    const right = Buffer.from(this.token);
    return shown.length === right.length && timingSafeEqual(shown, right);
  }

  #refuse(id: string | number | null, code: number, message: string, close: boolean): void {
    const body = JSON.stringify({ jsonrpc: "2.0", id, error: { code, message } });
    this.socket.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    if (!close) return;
    this.socket.end();
    // What else it sends is thrown away.
    this.socket.removeAllListeners("data");
    this.socket.resume();
  }
}

function asMessage(value: unknown): Message | null {
  const parsed = envelope.safeParse(value);
  if (!parsed.success) return null;
  const message: Message = parsed.data;
  const known =
    Message.isRequest(message) || Message.isNotification(message) || Message.isResponse(message);
  return known ? message : null;
}

/** The library ends the process when the client's does; this one has several clients and outlives them. */
function withoutProcessId(message: Message): Message {
  if (!Message.isRequest(message) || Array.isArray(message.params)) return message;
  return Object.assign(message, { params: { ...message.params, processId: null } });
}
