/** Kernels on the memory of TensorFlow.js' own WASM module, or on one of their own; arguments are addresses in it. */
export { entropyRows, entropyColumns } from "./entropy";
export { decodeBF16, decodeF16, roundBF16, roundF16 } from "./half";
export { multiplyInto } from "./product";
export { prunedMass } from "./prunedMass";
export { groupLoss, meet } from "./regroup";
export { selectLowest } from "./select";
export { sparsegptBlock } from "./sparsegpt";
export { transposeMatrices } from "./transpose";
