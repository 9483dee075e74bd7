/**
 * Lines that stay and, on a terminal, a few below them that are drawn again and again. In a pipe only the lines
 * that stay are written, with no control characters.
 */
import { createLogUpdate } from "log-update";
import type { Io, Output } from "../io.ts";
import { createStyle, isLive } from "./style.ts";
import type { Style } from "./style.ts";

export interface Screen {
  readonly style: Style;
  /** Whether {@link draw} shows anything; where not, callers write plain progress lines instead. */
  readonly live: boolean;
  readonly columns: number;
  readonly print: (...lines: readonly string[]) => void;
  /** Replaces the live lines. `frame` is called only if it is time to draw: often on a slow link is no help. */
  readonly draw: (frame: () => readonly string[]) => void;
  /** Removes the live lines and gives the cursor back. */
  readonly clear: () => void;
}

const FRAME_MS = 80;
/** Where there is no terminal to ask. */
const DEFAULT_COLUMNS = 100;

export function createScreen(output: Output, io: Io): Screen {
  const live = isLive(output, io.env);
  const update = createLogUpdate(output);
  let frame: (() => readonly string[]) | null = null;
  let drawn = -Infinity;
  const render = () => {
    if (frame === null) return;
    drawn = io.now();
    update(frame().join("\n"));
  };
  return {
    style: createStyle(output, io.env),
    live,
    get columns() {
      return output.columns ?? DEFAULT_COLUMNS;
    },
    print(...lines) {
      if (frame !== null) update.clear();
      output.write(lines.map((line) => `${line}\n`).join(""));
      render();
    },
    draw(next) {
      if (!live) return;
      frame = next;
      if (io.now() - drawn >= FRAME_MS) render();
    },
    clear() {
      if (frame === null) return;
      frame = null;
      drawn = -Infinity;
      update.clear();
      update.done();
    },
  };
}
