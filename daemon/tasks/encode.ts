/**
 * Requests as token ids, where the harness draws the line between context and continuation (`_encode_pair`) and what
 * it puts in front (`tok_encode` with `add_bos_token` not given).
 */
import type { Tokenizer } from "../text/index.ts";
import * as errors from "./errors.ts";
import { rstrip } from "./python.ts";
import type { Request } from "./task.ts";

export interface EncodedRequest {
  readonly context: readonly number[];
  readonly continuation: readonly number[];
}

/** What the model reads and what is scored of it. */
export interface ModelInput {
  /** All ids but the last, which nothing follows. */
  readonly input: Int32Array;
  /** The last `targets.length` positions of `input` predict these. */
  readonly targets: Int32Array;
  /** Whether ids were cut off from the left. */
  readonly truncated: boolean;
}

/**
 * Spaces that end the context go to the continuation; context and whole are encoded on their own, and the
 * continuation is what the whole has beyond as many ids as the context has. Its first token may therefore hold the
 * end of the context, and that is how the field's figures come about.
 *
 * @throws tasks/empty-continuation, tasks/no-prefix-token
 */
export function encodeRequest(tokenizer: Tokenizer, request: Request): EncodedRequest {
  const { context, continuation } =
    request.context === ""
      ? behindPrefix(tokenizer, request.continuation)
      : encodePair(tokenizer, request);
  if (continuation.length === 0) throw errors.emptyContinuation(request.continuation);
  return { context, continuation };
}

function encodePair(tokenizer: Tokenizer, request: Request): EncodedRequest {
  const stripped = rstrip(request.context);
  const context = encode(tokenizer, stripped);
  const whole = encode(tokenizer, request.context + request.continuation);
  return { context, continuation: whole.slice(context.length) };
}

/** An empty context is the token that begins texts; a continuation that begins with it provides it. */
function behindPrefix(tokenizer: Tokenizer, text: string): EncodedRequest {
  const prefix = prefixId(tokenizer);
  if (prefix === null) throw errors.noPrefixToken(tokenizer.file);
  const ids = tokenizer.encodePlain(text);
  return ids[0] === prefix
    ? { context: ids.slice(0, 1), continuation: ids.slice(1) }
    : { context: [prefix], continuation: ids };
}

const prefixId = ({ bosId, eosId }: Tokenizer): number | null => bosId ?? eosId;

/** Special tokens as the tokenizer adds them, unless the text begins with the first of them already. */
function encode(tokenizer: Tokenizer, text: string): number[] {
  const prefix = prefixId(tokenizer);
  const written = prefix === null ? "" : tokenizer.decode([prefix]);
  return written !== "" && text.startsWith(written)
    ? tokenizer.encodePlain(text)
    : tokenizer.encode(text);
}

/**
 * @param maxLength the model's context in tokens; what is longer loses its beginning
 * @throws tasks/continuation-too-long
 */
export function modelInput(
  { context, continuation }: EncodedRequest,
  maxLength: number,
  text: string,
): ModelInput {
  if (continuation.length > maxLength) {
    throw errors.continuationTooLong(text, continuation.length, maxLength);
  }
  const ids = [...context, ...continuation];
  return {
    input: Int32Array.from(ids.slice(-(maxLength + 1), -1)),
    targets: Int32Array.from(continuation),
    truncated: ids.length > maxLength + 1,
  };
}
