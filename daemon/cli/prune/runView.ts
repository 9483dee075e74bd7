/** Shows a run while it goes on. */
import type { RunEvent, RunListener } from "../../pipeline/index.ts";
import type { Fallback } from "../../report.ts";
import { significant } from "../terminal/numbers.ts";
import type { Screen } from "../terminal/screen.ts";
import type { Style } from "../terminal/style.ts";
import { printable, wrap } from "../terminal/text.ts";
import { layerLine } from "./layerLine.ts";
import { liveFrame } from "./liveFrame.ts";
import { stageLine, stepLine } from "./plainLines.ts";
import { noteLines, planSummary } from "./planView.ts";
import { RunTracker } from "./runState.ts";

export interface RunView {
  readonly listener: RunListener;
  /** Takes the live lines away. */
  readonly close: () => void;
}

/** Clocks on the screen go on during long operations that yield but tell nothing. */
const TICK_MS = 500;

export function createRunView(screen: Screen, now: () => number): RunView {
  const tracker = new RunTracker(now);
  const draw = () => {
    screen.draw(() => liveFrame(tracker.state(), screen.columns, screen.style));
  };
  const ticker = screen.live ? setInterval(draw, TICK_MS) : undefined;
  ticker?.unref();
  return {
    listener(event) {
      const moved = tracker.take(event);
      screen.print(...lastingLines(event, tracker, screen));
      if (screen.live) draw();
      else if (moved) screen.print(stageLine(tracker.state()));
    },
    close() {
      clearInterval(ticker);
      screen.clear();
    },
  };
}

/** What an event leaves on the screen for good. */
function lastingLines(event: RunEvent, tracker: RunTracker, screen: Screen): readonly string[] {
  const { style } = screen;
  switch (event.type) {
    case "plan":
      return planSummary(event.plan, style, screen.columns);
    case "device":
      return deviceLines(event, style, screen.columns);
    case "resumed":
      return [
        `  ${style.green("✓")} ${event.layers} finished ${event.layers === 1 ? "layer" : "layers"} found, going on from there`,
      ];
    case "step": {
      const line = screen.live ? null : stepLine(event);
      return line === null ? [] : [line];
    }
    case "layer":
      return [layerLine(event.report, tracker.state().layers, style)];
    case "fallback":
      return [fallbackLine(event.fallback, style)];
    case "perplexity":
      return [
        `  ${style.green("✓")} perplexity, ${event.row.label}: ${significant(event.row.perplexity)}`,
      ];
    case "note":
      return noteLines(event.text, style, screen.columns);
    case "progress":
      return [];
    default:
      return event satisfies never;
  }
}

function deviceLines(
  event: RunEvent & { type: "device" },
  style: Style,
  columns: number,
): string[] {
  const room = Math.max(40, Math.min(columns, 100) - 10);
  return [
    ...wrap(printable(event.description), room),
    ...wrap(printable(event.reason), room).map(style.dim),
  ].map((line, i) => `  ${i === 0 ? style.dim("device") : "      "}  ${line}`);
}

export const fallbackLine = (fallback: Fallback, style: Style): string =>
  `  ${style.yellow("!")} layer ${fallback.layer + 1}, ${fallback.role}: ${printable(fallback.what)}`;
