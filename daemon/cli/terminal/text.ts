/** Text that came from a file, made safe to print, and measured as a terminal shows it. */
import { stripVTControlCharacters } from "node:util";

/** Control, bidirectional-override and line-separator characters: they could forge or hide what is on the screen. */
// eslint-disable-next-line no-control-regex -- control characters are what this finds
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** `text` with every character that is not plainly visible written as `\u001b`. */
export const printable = (text: string): string =>
  text.replace(UNSAFE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** Columns of `text` without its colours, one per code point. */
export const width = (text: string): number => Array.from(stripVTControlCharacters(text)).length;

export const padEnd = (text: string, columns: number): string =>
  text + " ".repeat(Math.max(0, columns - width(text)));

export const padStart = (text: string, columns: number): string =>
  " ".repeat(Math.max(0, columns - width(text))) + text;

/** Uncoloured `text` cut to `columns`, with `…` in the middle: names differ at both ends. */
export function shorten(text: string, columns: number): string {
  const points = Array.from(text);
  if (points.length <= columns) return text;
  const head = Math.ceil((columns - 1) / 2);
  const tail = columns - 1 - head;
  return `${points.slice(0, head).join("")}…${points.slice(points.length - tail).join("")}`;
}

/** Breaks uncoloured prose into lines of at most `columns`, at spaces. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && width(line) + 1 + width(word) > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
