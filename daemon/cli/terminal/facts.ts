/** Labelled lines: a dim word, and after it text that may need more than one line. */
import type { Style } from "./style.ts";
import { table } from "./table.ts";
import { wrap } from "./text.ts";

export type Fact = readonly [label: string, text: string];

const INDENT = 2;
const MIN_TEXT = 40;
/** Longer lines are hard to read, however wide the terminal. */
const MAX_TEXT = 100;

/** Texts must be {@link printable} and may be coloured where they fit one line. */
export function facts(rows: readonly Fact[], columns: number, style: Style): string[] {
  const labels = Math.max(...rows.map(([label]) => label.length));
  const room = Math.max(MIN_TEXT, Math.min(MAX_TEXT, columns - INDENT - labels - 2));
  return table(
    [{ title: "" }, { title: "" }],
    rows.flatMap(([label, text]) =>
      wrap(text, room).map((line, i) => [
        " ".repeat(INDENT) + style.dim(i === 0 ? label : ""),
        line,
      ]),
    ),
  );
}
