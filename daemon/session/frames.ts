/**
 * Reads LSP frames (`Content-Length: n\r\n\r\n` + n bytes of JSON) from a socket that may send anything. The reader of
 * vscode-jsonrpc has no limits and tells nobody when a message is no JSON; here every message is bounded before it is
 * stored, and every defect is reported so that it can be answered.
 */
import { ERROR } from "../protocol/errors.ts";

const MAX_HEADER_BYTES = 4096;
const HEADER_END = "\r\n\r\n";

export type FrameEvent =
  | { readonly type: "message"; readonly value: unknown }
  /** `fatal`: where the next frame begins is not known any more. */
  | {
      readonly type: "defect";
      readonly code: number;
      readonly text: string;
      readonly fatal: boolean;
    };

export class FrameParser {
  #chunks: Buffer[] = [];
  #buffered = 0;
  /** Bytes of the body that is being received; null while in a header. */
  #length: number | null = null;
  #dead = false;

  constructor(private readonly maxBytes: number) {}

  *push(chunk: Buffer): Generator<FrameEvent> {
    if (this.#dead) return;
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    for (;;) {
      if (this.#length === null) {
        const header = this.#takeHeader();
        if (header === null) return;
        const length = contentLength(header);
        if (length === null) {
          yield this.#die(ERROR.parse, "A message must begin with a Content-Length header.");
          return;
        }
        if (length > this.maxBytes) {
          yield this.#die(ERROR.tooLarge, `Messages may have at most ${this.maxBytes} bytes.`);
          return;
        }
        this.#length = length;
      }
      if (this.#buffered < this.#length) return;
      const body = this.#take(this.#length);
      this.#length = null;
      yield messageOf(body);
    }
  }

  /** Null while it is not complete; an empty text where it will never be one. */
  #takeHeader(): string | null {
    const start = this.#join();
    const end = start.indexOf(HEADER_END);
    if (end < 0) return this.#buffered > MAX_HEADER_BYTES ? "" : null;
    return this.#take(end + HEADER_END.length).toString("latin1");
  }

  #take(length: number): Buffer {
    const all = this.#join();
    const rest = all.subarray(length);
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#buffered = rest.length;
    return all.subarray(0, length);
  }

  #join(): Buffer {
    const all = this.#chunks.length === 1 ? this.#chunks[0] : undefined;
    const joined = all ?? Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }

  #die(code: number, text: string): FrameEvent {
    this.#dead = true;
    this.#chunks = [];
    return { type: "defect", code, text, fatal: true };
  }
}

function contentLength(header: string): number | null {
  const match = /^content-length:[ \t]*(\d{1,15})[ \t]*\r\n/im.exec(header);
  return match ? Number(match[1]) : null;
}

function messageOf(body: Buffer): FrameEvent {
  try {
    return { type: "message", value: JSON.parse(body.toString("utf8")) as unknown };
  } catch {
    return { type: "defect", code: ERROR.parse, text: "The message is not JSON.", fatal: false };
  }
}
