/** The ramps a person may choose from for magnitudes: perceptually uniform, and readable for colour-blind people. */
import { interpolateCividis, interpolateViridis } from "d3";
import type { Ramp } from "./colour.ts";

export const RAMP_NAMES = ["viridis", "cividis"] as const;
export type RampName = (typeof RAMP_NAMES)[number];

export const RAMPS: Readonly<Record<RampName, Ramp>> = {
  viridis: interpolateViridis,
  cividis: interpolateCividis,
};
