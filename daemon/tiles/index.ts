/** Looking into checkpoints for the eye: lists of tensors, statistics, histograms, tiles. Knows no TensorFlow.js. */
export { valueHistogram } from "./histogram.ts";
export { inspect } from "./inspect.ts";
export { readMatrixTile, type LayerFiles } from "./matrixTile.ts";
export { OpenCheckpoints } from "./openCheckpoints.ts";
export { readTile } from "./tile.ts";
