/**
 * Regrouping a layer for an N:M pattern: permuting the columns of R1 regroups q, k, v, gate and up, those of each R2
 * regroup o, and the order of the neurons regroups down. All three leave the layer's function as it is (permuted
 * columns keep R orthogonal; neurons of a SwiGLU have no order) and the entropy objective too, but they decide which
 * weights compete for a group's N places. The three order different columns, so they are independent.
 */
import * as tf from "@tensorflow/tfjs-core";
import { INPUT_OF, type Role } from "../vocabulary.ts";
import { columnShares, stackedColumns, type Weighted } from "./columnShares.ts";
import { columnWeights } from "./columnWeights.ts";
import { cancelledBefore } from "./errors.ts";
import type { LayerProblem } from "./layerProblem.ts";
import { nextTurn } from "./nextTurn.ts";
import { disposeColumns, regroupedColumns, type Columns } from "./regroup.ts";
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
  const stream = ownR1 ? await columnShares(STREAM_READERS.map(weighted), pattern.of) : null;
  const heads = await columnShares([weighted("o")], pattern.of);
  const neurons = await columnShares([weighted("down")], pattern.of);
  tf.dispose(Object.values(c));

  /** Takes the columns over. */
  const search = async (columns: Columns, share = 1): Promise<Int32Array> => {
    try {
      return await regroupedColumns(columns, pattern, share * EFFORT, async () => {
        await nextTurn();
        if (signal?.aborted) throw cancelledBefore("the columns were regrouped");
      });
    } finally {
      disposeColumns(columns);
    }
  };
  try {
    const r1Order = stream ? await search(stream) : null;
    const r2Orders: Int32Array[] = [];
    const { kvHeads, headDim } = shape;
    const group = shape.heads / kvHeads;
    // Where M does not divide a head, its groups reach over heads and no R2 can reorder them.
    for (let k = 0; headDim % pattern.of === 0 && k < kvHeads; k++) {
      const starts = Array.from({ length: group }, (_, h) => (k * group + h) * headDim);
      r2Orders.push(await search(stackedColumns(heads, starts, headDim), 1 / kvHeads));
    }
    const order = await search(neurons);
    return {
      rotation: {
        r1: r1Order ? withColumns(rotation.r1, r1Order) : tf.clone(rotation.r1),
        r2: r2Orders.length > 0 ? withHeadColumns(rotation.r2, r2Orders) : tf.clone(rotation.r2),
      },
      neurons: order,
    };
  } finally {
    disposeColumns(heads);
    disposeColumns(neurons);
  }
}

const withColumns = (m: tf.Tensor2D, order: Int32Array): tf.Tensor2D =>
  tf.tidy(() => tf.gather(m, tf.tensor1d(order, "int32"), 1));

function withHeadColumns(r2: tf.Tensor3D, orders: readonly Int32Array[]): tf.Tensor3D {
  return tf.tidy(() => {
    const turned = tf.unstack(r2).map((block, k) => {
      const order = orders[k];
      return order ? withColumns(block as tf.Tensor2D, order) : block;
    });
    return tf.stack(turned) as tf.Tensor3D;
  });
}
