/** Doorway of the factorisations. */
export { dampedFactor, diagonalOf } from "./damping.ts";
export type { DampedFactor } from "./damping.ts";
export { inverseFactor } from "./inverseFactor.ts";
