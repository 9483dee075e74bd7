/**
 * Which words keep company. Every word has an order of its own in which it likes the words of a list, fixed once for
 * the whole world: the same adjective is common with one noun and rare with the next. A model has to learn these
 * one by one, as it has to in a real language, and they fill its weights.
 */
import { createHash } from "node:crypto";
import { seededRandom } from "../../../daemon/random.ts";

/** `list` in the order in which `word` likes its items; depends on the word and the list's length only. */
export function liking<T>(word: string, list: readonly T[]): readonly T[] {
  const seed = createHash("sha256").update(`${word} ${list.length}`).digest().readUInt32LE(0);
  return seededRandom(seed).shuffle([...list]);
}
