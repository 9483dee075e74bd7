/** The training stream: documents of the train split, tokenised as evaluation does it, cut into batches. */
import type { Tokenizer } from "../../daemon/text/index.ts";
import type { Batch } from "./loss.ts";
import { documents, SEPARATOR } from "./text/index.ts";

/** A tokenised text is this many documents; it starts with the token that the tokenizer puts before a text. */
const DOCUMENTS_PER_TEXT = 40;

/** The first `count` tokens of the stream. Nothing is seen twice: the grammar never runs dry. */
export function trainingTokens(tokenizer: Pick<Tokenizer, "encode">, count: number): Int32Array {
  const tokens = new Int32Array(count);
  const source = documents("train");
  for (let filled = 0; filled < count;) {
    const text = Array.from({ length: DOCUMENTS_PER_TEXT }, () => source.next().value);
    const ids = tokenizer.encode(text.join(SEPARATOR) + "\n");
    tokens.set(ids.slice(0, count - filled), filled);
    filled += ids.length;
  }
  return tokens;
}

/** Tokens that `steps` batches take: windows overlap by one token, whose prediction would otherwise be lost. */
export function tokensNeeded(steps: number, windows: number, seqLen: number): number {
  return steps * windows * seqLen + 1;
}

/** Batch `step` (from 0): the stream's next `windows` windows of `seqLen + 1` tokens. */
export function batchAt(stream: Int32Array, step: number, windows: number, seqLen: number): Batch {
  const tokens = new Int32Array(windows * (seqLen + 1));
  for (let w = 0; w < windows; w++) {
    const from = (step * windows + w) * seqLen;
    tokens.set(stream.subarray(from, from + seqLen + 1), w * (seqLen + 1));
  }
  return { windows, tokens };
}
