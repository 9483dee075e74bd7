/** Kernels on the memory of TensorFlow.js' own WASM module; arguments are addresses in it. */
export { entropyRows, entropyColumns } from "./entropy";
export { prunedMass } from "./prunedMass";
export { selectLowest } from "./select";
export { sparsegptBlock } from "./sparsegpt";
export { transposeMatrices } from "./transpose";
