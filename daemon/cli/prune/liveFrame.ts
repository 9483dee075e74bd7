/** The three lines that move while a run goes on. */
import { bar, sparkline } from "../terminal/bar.ts";
import { duration, percent, significant } from "../terminal/numbers.ts";
import type { Style } from "../terminal/style.ts";
import { padEnd, padStart, width } from "../terminal/text.ts";
import type { Learning, RunState } from "./runState.ts";
import { LAYER_STAGES, OBJECTIVE_NAMES, STAGE_NAMES } from "./words.ts";

const LABEL = 14;
const MIN_BAR = 8;
const MAX_BAR = 32;
/** What stands right of a bar in the widest case, so that bars of all lines end at the same column. */
const BESIDE = 46;
const CURVE = 12;

export function liveFrame(state: RunState, columns: number, style: Style): string[] {
  const barColumns = Math.max(MIN_BAR, Math.min(MAX_BAR, columns - 2 - LABEL - 2 - BESIDE));
  const row = (label: string, fraction: number, beside: string): string =>
    fit(`  ${padEnd(label, LABEL)}${bar(fraction, barColumns, style)}  `, beside, columns);
  const left = state.secondsLeft === null ? "" : `, about ${duration(state.secondsLeft)} left`;
  return [
    "",
    fit("  ", whereText(state, style), columns),
    state.learning === null
      ? fit(
          "  ",
          padEnd(STAGE_NAMES[state.stage], LABEL) + style.dim(duration(state.secondsInStage)),
          columns,
        )
      : row(
          STAGE_NAMES.rotate,
          state.learning.step / state.learning.steps,
          learningText(state.learning, style),
        ),
    row(
      "whole run",
      state.fraction,
      `${padStart(percent(state.fraction, 0), 5)}  ${style.dim(duration(state.seconds) + left)}`,
    ),
  ];
}

/** `layer 2 of 5  collect › rotate › prune › propagate`, the current stage bright, the ones before it dim. */
function whereText(state: RunState, style: Style): string {
  if (state.layer === null) return style.bold(STAGE_NAMES[state.stage]);
  const order = LAYER_STAGES.filter((stage) => state.rotates || stage !== "rotate");
  const at = order.findIndex((stage) => stage === state.stage);
  const stages = order.map((stage, i) =>
    i === at ? style.bold(style.cyan(stage)) : i < at ? style.green(stage) : style.dim(stage),
  );
  return (
    padEnd(`layer ${state.layer + 1} of ${state.layers}`, LABEL) + stages.join(style.dim(" › "))
  );
}

function learningText(learning: Learning, style: Style): string {
  const { step, steps, objective, losses } = learning;
  const loss = losses.at(-1);
  return [
    `step ${padStart(String(step), String(steps).length)} of ${steps}`,
    style.dim(OBJECTIVE_NAMES[objective]),
    loss === undefined ? "" : significant(loss),
    style.dim(sparkline(losses, CURVE)),
  ].join("  ");
}

/** `head` with as much of `beside` as one line takes: a wrapped line would be drawn over wrongly. */
function fit(head: string, beside: string, columns: number): string {
  return width(head) + width(beside) < columns ? head + beside : cut(head + beside, columns - 1);
}

/** Cuts coloured text to `columns` and ends its colours. */
function cut(text: string, columns: number): string {
  let seen = 0;
  let out = "";
  // eslint-disable-next-line no-control-regex -- colour sequences take no column
  for (const [part] of text.matchAll(/\u001b\[[\d;]*m|[^]/gu)) {
    if (part.length > 2 && part.startsWith("\u001b")) out += part;
    else if (seen++ < columns) out += part;
  }
  return out;
}
