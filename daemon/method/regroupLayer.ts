/**
 * Regrouping a layer for an N:M pattern: permuting the columns of R1 regroups q, k, v, gate and up, those of each R2
 * regroup o, and the order of the neurons regroups down. All three leave the layer's function as it is (permuted
 * columns keep R orthogonal; neurons of a SwiGLU have no order) and the entropy objective too, but they decide which
 * weights compete for a group's N places. The three order different columns, so they are independent.
 */
import * as tf from "@tensorflow/tfjs-core";
import { INPUT_OF, type Role } from "../vocabulary.ts";
import { columnShares, type Weighted } from "./columnShares.ts";
import { columnWeights } from "./columnWeights.ts";
import { cancelledBefore } from "./errors.ts";
import type { LayerProblem } from "./layerProblem.ts";
import { nextTurn } from "./nextTurn.ts";
import { disposeColumns, regroupedColumns, type Columns } from "./regroup.ts";
import { regroupedHeads } from "./regroupHeads.ts";
import { foldedMatrix } from "./rotation.ts";
import type { Rotation } from "./types.ts";

/** The matrices whose columns R1 makes. */
const STREAM_READERS = ["q", "k", "v", "gate", "up"] as const;

/** Comparisons for each of the three orders, at most: a tenth of a second each. */
export const EFFORT = 4e8;

export interface Regrouping {
  /** With its columns reordered; owned by the caller. */
  readonly rotation: Rotation;
  /** At place j stands the neuron that was at `neurons[j]`: `permuteNeurons`. */
  readonly neurons: Int32Array;
}

export interface RegroupOptions {
  readonly pattern: { readonly keep: number; readonly of: number };
  /** Whether R1 is this layer's own; one that other layers share stays as it is. */
  readonly ownR1: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** @throws method/cancelled by `signal` */
export async function regroupLayer(
  { matrices, metric, shape }: Pick<LayerProblem, "matrices" | "metric" | "shape">,
  rotation: Rotation,
  { pattern, ownR1, signal }: RegroupOptions,
): Promise<Regrouping> {
  const c = columnWeights(metric, rotation, shape);
  const weighted = (role: Role): Weighted => ({
    shape: matrices[role].shape,
    // Only compared with each other: products may be rounded.
    w: () => foldedMatrix(role, matrices[role], rotation, shape, tf.matMul),
    c: c[INPUT_OF[role]],
  });
  const made: Columns[] = [];
  const shares = async (...readers: readonly Role[]): Promise<Columns> => {
    const columns = await columnShares(readers.map(weighted), pattern.of);
    made.push(columns);
    return columns;
  };
  const pause = async (): Promise<void> => {
    await nextTurn();
    if (signal?.aborted) throw cancelledBefore("the columns were regrouped");
  };
  try {
    const stream = ownR1 ? await shares(...STREAM_READERS) : null;
    const heads = await shares("o");
    const neurons = await shares("down");
    let before: Promise<unknown> = Promise.resolve();
    /** The host does one after the other; a device is given all of them before the first is waited for. */
    const begun = <T>(search: () => Promise<T>): Promise<T> => {
      const found = neurons instanceof tf.Tensor ? search() : before.then(search);
      before = found;
      return found;
    };
    const searches = [
      begun(async () => stream && (await regroupedColumns(stream, pattern, EFFORT, pause))),
      begun(() => regroupedHeads(heads, shape, pattern, EFFORT, pause)),
      begun(() => regroupedColumns(neurons, pattern, EFFORT, pause)),
    ] as const;
    // Where one fails, the others are not under way any more when their columns go.
    await Promise.allSettled(searches);
    const [r1Order, r2Order, order] = await Promise.all(searches);
    return {
      rotation: {
        r1: r1Order ? withColumns(rotation.r1, r1Order) : tf.clone(rotation.r1),
        r2: r2Order ? withHeadColumns(rotation.r2, r2Order) : tf.clone(rotation.r2),
      },
      neurons: order,
    };
  } finally {
    tf.dispose(Object.values(c));
    made.forEach(disposeColumns);
  }
}

const withColumns = (m: tf.Tensor2D, order: Int32Array): tf.Tensor2D =>
  tf.tidy(() => tf.gather(m, tf.tensor1d(order, "int32"), 1));

/** @param order of `[blocks · headDim]` columns, within each block */
function withHeadColumns(r2: tf.Tensor3D, order: Int32Array): tf.Tensor3D {
  const [blocks, hd] = r2.shape;
  return tf.tidy(() => {
    const byColumn = tf.reshape(tf.transpose(r2, [0, 2, 1]), [blocks * hd, hd]);
    const turned = tf.gather(byColumn, tf.tensor1d(order, "int32"));
    return tf.transpose(tf.reshape(turned, [blocks, hd, hd]), [0, 2, 1]);
  });
}
