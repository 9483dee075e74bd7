/**
 * A matrix that is worked through by blocks of columns, from the left: each block is replaced, and the errors that this
 * leaves go to the columns behind it. A backend that can does so in the memory of one matrix; elsewhere what is left of
 * it is made anew for each block.
 */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, runFused } from "./dispatch.ts";
import { addProduct } from "./products.ts";
import type { PrunedBlock } from "./sparsegpt.ts";

export interface ColumnBlocks {
  /** The next columns, `[rows, width]`, with the errors of all before on them. */
  next(width: number): tf.Tensor2D;
  /**
   * Puts a block in the place of those columns, and spreads `− errors · U` over the later ones, U in the block's rows.
   * Takes the block over.
   * @param u `[columns, columns]`
   */
  replace(block: PrunedBlock, u: tf.Tensor2D): void;
  /** The whole, `[rows, columns]`, when no column is left. */
  finish(): tf.Tensor2D;
}

/** To be called within `tf.tidy`, which frees what a failure leaves. @param w borrowed */
export function columnBlocks(w: tf.Tensor2D): ColumnBlocks {
  return hasKernel("replaceColumns") ? inPlace(w) : composed(w);
}

function inPlace(w: tf.Tensor2D): ColumnBlocks {
  const [rows] = w.shape;
  /** Shares the memory of `w` until the first block is replaced. */
  let whole = tf.clone(w);
  let start = 0;
  return {
    next: (width) => tf.slice(whole, [0, start], [rows, width]),
    replace({ weights, errors }, u) {
      const before = whole;
      const minusErrors = tf.neg(errors);
      const inputs = { w: before, weights, minusErrors, u };
      whole = runFused("replaceColumns", inputs, { start })[0] as tf.Tensor2D;
      tf.dispose([before, minusErrors, weights, errors]);
      start += weights.shape[1];
    },
    finish: () => whole,
  };
}

function composed(w: tf.Tensor2D): ColumnBlocks {
  const [rows, columns] = w.shape;
  const done: tf.Tensor2D[] = [];
  /** The columns not yet replaced. */
  let rest = tf.clone(w);
  return {
    next: (width) => tf.slice(rest, [0, 0], [rows, width]),
    replace({ weights, errors }, u) {
      done.push(weights);
      const size = weights.shape[1];
      const after = rest.shape[1] - size;
      if (after === 0) return;
      const start = columns - after - size;
      // The matrix may be as large as a third of a layer: what came before is freed first.
      const later = tf.slice(rest, [0, size], [rows, after]);
      rest.dispose();
      rest = tf.tidy(() => {
        const toTheRight = tf.slice(u, [start, start + size], [size, after]);
        return addProduct(later, tf.neg(errors), toTheRight);
      });
      errors.dispose();
    },
    finish: () => tf.concat(done, 1),
  };
}
