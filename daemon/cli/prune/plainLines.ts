/** A run in a pipe: one line for every stage of every layer, no control characters. */
import type { RunEvent } from "../../pipeline/index.ts";
import { duration, percent, significant } from "../terminal/numbers.ts";
import type { RunState } from "./runState.ts";
import { OBJECTIVE_NAMES, STAGE_NAMES } from "./words.ts";

/** `layer 2/5  rotate`, with the share of the run that is done before it. */
export function stageLine(state: RunState): string {
  const place = state.layer === null ? "" : `layer ${state.layer + 1}/${state.layers}  `;
  const left = state.secondsLeft === null ? "" : `, about ${duration(state.secondsLeft)} left`;
  return `${percent(state.fraction, 0).padStart(5)}  ${place}${STAGE_NAMES[state.stage]}${left}`;
}

/** The end of a rotation; null for the steps before it. */
export function stepLine(event: RunEvent & { type: "step" }): string | null {
  if (event.step < event.steps) return null;
  const [first, last] = event.layers;
  const place = first === last ? `layer ${first + 1}` : `layers ${first + 1}–${last + 1}`;
  return `       ${place}: rotation learned, loss ${significant(event.loss)} (${OBJECTIVE_NAMES[event.objective]})`;
}
