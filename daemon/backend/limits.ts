/** Sizes that the devices' kernels keep to, and that a plan of memory counts with: both have them from here. */

/** Of the `cuda` device. */
export const CUDA_LIMITS = {
  /** cuBLAS' own recommendation for Hopper is 32 MiB; what does not fit falls back to slower algorithms. */
  workspaceBytes: 64 * 2 ** 20,
  /** Scores of a block of queries, all heads: 128 MiB. */
  scores: 2 ** 25,
  /** Of a symmetric update, blocks on the diagonal up to this size are made whole; what it overwrites below is kept. */
  factorBand: 512,
  /** From this size on the operands of the search's products are rounded to bfloat16. */
  roundedFrom: 1024,
} as const;

/** Of a block where more do not fit into the scores. */
const LEAST_QUERIES = 64;

/** Queries that attention on `cuda` takes at a time. @param scores of all heads together, at the most */
export const cudaQueries = (
  heads: number,
  seqLen: number,
  scores: number = CUDA_LIMITS.scores,
): number => Math.min(seqLen, Math.max(LEAST_QUERIES, Math.floor(scores / (heads * seqLen))));

/** Where attention is composed of TensorFlow.js' operations. */
export const COMPOSED_LIMITS = {
  /** Queries at a time. */
  queries: 256,
  /** Scores computed at a time, 2 MiB: as many key/value heads of the batch as they are of, at least one. */
  scores: 2 ** 19,
} as const;
