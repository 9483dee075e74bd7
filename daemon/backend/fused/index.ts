/** Fused kernels: what would be too slow, too large or too coarse operation by operation. */
export { causalAttention } from "./attention.ts";
export { columnBlocks, type ColumnBlocks } from "./columnBlocks.ts";
export { applyRope, rmsNorm, swiglu, type RopeTable } from "./decoder.ts";
export { rowSelection, type ObjectiveValue, type Selection } from "./dispatch.ts";
export { entropyObjective } from "./entropy.ts";
export { addGram } from "./gram.ts";
export { decodedHalf, halfFormat, hasHalfKernels, roundedHalf, type HalfFormat } from "./half.ts";
export { hasInverseFactor, nativeInverseFactor } from "./inverseFactor.ts";
export { targetLikelihood, type TargetLikelihood } from "./likelihood.ts";
export {
  adamDirection,
  move,
  orthonormalised,
  type AdamDirection,
  type AdamRates,
  type Move,
} from "./orthogonal.ts";
export {
  addProduct,
  bringSearchOperand,
  exactProduct,
  forgetRounded,
  searchAddProduct,
  searchProduct,
  type RoundedOperands,
} from "./products.ts";
export { prunedMassObjective } from "./prunedMass.ts";
export { addScaledColumns, columnDots } from "./quadratic.ts";
export { hasRegroupKernel, regroupedThere } from "./regroup.ts";
export { selectLowest } from "./selectLowest.ts";
export { sparsegptBlock, type BlockSelection, type PrunedBlock } from "./sparsegpt.ts";
