/** Colours, where the output is a terminal that has them. */
import pc from "picocolors";
import type { Io, Output } from "../io.ts";

export type Style = ReturnType<typeof pc.createColors>;

/** `NO_COLOR` and `FORCE_COLOR` win over what the output looks like. */
export function hasColors(output: Output, env: Io["env"]): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== "0";
  return isLive(output, env);
}

/** A terminal whose lines can be drawn again. */
export const isLive = (output: Output, env: Io["env"]): boolean =>
  output.isTTY === true && env.TERM !== "dumb";

export const createStyle = (output: Output, env: Io["env"]): Style =>
  pc.createColors(hasColors(output, env));
