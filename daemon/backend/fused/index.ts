/** Fused kernels: the four inner loops of rotating and pruning that would be too slow operation by operation. */
export type { ObjectiveValue, Selection } from "./dispatch.ts";
export { entropyObjective } from "./entropy.ts";
export { prunedMassObjective } from "./prunedMass.ts";
export { selectLowest } from "./selectLowest.ts";
export { sparsegptBlock, type BlockSelection, type PrunedBlock } from "./sparsegpt.ts";
