/** Doorway of the factorisations. */
export { dampedFactor, dampedInverse, diagonalOf } from "./damping.ts";
export type { DampedFactor, DampedInverse } from "./damping.ts";
export { inverseFactor } from "./inverseFactor.ts";
