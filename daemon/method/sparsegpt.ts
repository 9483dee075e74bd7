/**
 * SparseGPT (arXiv:2301.00774): prune column by column, and let the columns to the right make up for each loss.
 *
 * With `H⁻¹ = UᵀU` (damped, U upper), deleting w_ij costs `w_ij² / u_jj²`; its error `e = w_ij / u_jj` moves to the
 * later columns of the row, `w_ik ← w_ik − e u_jk`. Columns go in blocks: within a block one by one (the fused
 * kernel), after it all at once as a matrix product.
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  columnBlocks,
  selectLowest,
  sparsegptBlock,
  type BlockSelection,
} from "../backend/index.ts";
import { prunedCount, type Pattern } from "../vocabulary.ts";
import { blockTooSmall } from "./errors.ts";
import { diagonalOf, type DampedFactor } from "./linalg/index.ts";

export interface SparseGptOptions {
  readonly pattern: Pattern;
  /** Columns per block, 128 in the paper; rounded down to a multiple of M for N:M. */
  readonly blockSize: number;
}

/**
 * Unstructured masks are chosen per block over all its rows; the rounding of one block's count is carried into the
 * next, so that the whole matrix loses exactly `floor(share · out · in)`.
 *
 * @param w `[out, in]`; for N:M, M divides `in` (`assertPatternFits`)
 * @param damped of the Hessian of w's input (`dampedFactor`); matrices that read the same input share it
 * @returns `[out, in]`, exactly 0 where pruned; owned by the caller
 * @throws method/block-too-small
 */
export function pruneSparseGpt(
  w: tf.Tensor2D,
  { factor, dead }: DampedFactor,
  { pattern, blockSize }: SparseGptOptions,
): tf.Tensor2D {
  const of = pattern.kind === "nm" ? pattern.of : 1;
  const width = Math.floor(blockSize / of) * of;
  if (width < 1) throw blockTooSmall(blockSize, of);
  return tf.tidy(() => pruneBlocks(withoutDead(w, dead), factor, pattern, width));
}

/** Weights of inputs that are always 0 do nothing: they go first and nothing makes up for them. */
function withoutDead(w: tf.Tensor2D, dead: readonly number[]): tf.Tensor2D {
  if (dead.length === 0) return w;
  const alive = new Float32Array(w.shape[1]).fill(1);
  for (const j of dead) alive[j] = 0;
  return tf.mul(w, tf.tensor1d(alive));
}

function pruneBlocks(w: tf.Tensor2D, u: tf.Tensor2D, pattern: Pattern, width: number): tf.Tensor2D {
  const [rows, columns] = w.shape;
  const blocks = columnBlocks(w);
  for (let start = 0; start < columns; start += width) {
    const size = Math.min(width, columns - start);
    const block = tf.tidy(() => {
      const w1 = blocks.next(size);
      const corner = tf.slice(u, [start, start], [size, size]);
      return sparsegptBlock(w1, corner, selection(w1, corner, start));
    });
    blocks.replace(block, u);
  }
  return blocks.finish();

  function selection(block: tf.Tensor2D, corner: tf.Tensor2D, start: number): BlockSelection {
    if (pattern.kind === "nm") return pattern;
    const { share } = pattern;
    const upTo = (column: number): number => prunedCount(share, rows * column);
    const count = upTo(start + block.shape[1]) - upTo(start);
    const scores = tf.square(tf.div(block, diagonalOf(corner)));
    const mask = selectLowest(tf.reshape(scores, [1, block.size]), { kind: "count", count });
    return { kind: "mask", mask: tf.reshape(mask, block.shape) };
  }
}
