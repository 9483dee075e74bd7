/**
 * Folding a rotation into a layer. With the residual stream entering as `x R1` and leaving through `R1ᵀ`, and the
 * values of each key/value head turned by its `R2`, the layer's function is unchanged when
 *
 *     q, k, gate, up   W R1
 *     v                blk(R2)ᵀ W R1          (bias: blk(R2)ᵀ b)
 *     o                R1ᵀ W blk(R2)          each R2 repeated over the query heads of its group
 *     down             R1ᵀ W
 *
 * because an RMSNorm without gain commutes with R1, and attention mixes values only over time.
 */
import * as tf from "@tensorflow/tfjs-core";
import { exactProduct } from "../backend/index.ts";
import { ROLES, type LayerShape, type Role } from "../vocabulary.ts";
import type { LayerMatrices, Rotation } from "./types.ts";

/** As `tf.eye`, which fills it on the host. */
const eye = (n: number): tf.Tensor2D =>
  tf.tidy(() => {
    const places = tf.range(0, n);
    return tf.cast(tf.equal<tf.Tensor2D>(tf.reshape(places, [n, 1]), places), "float32");
  });

export function identityRotation(shape: LayerShape): Rotation {
  const { d, kvHeads, headDim } = shape;
  return {
    r1: eye(d),
    r2: tf.tidy(() => tf.tile(tf.reshape(eye(headDim), [1, headDim, headDim]), [kvHeads, 1, 1])),
  };
}

/** R2 of each query head: `[kvHeads, hd, hd]` → `[heads, hd, hd]`, every block repeated over its group. */
export function perQueryHead(r2: tf.Tensor3D, heads: number): tf.Tensor3D {
  const [kvHeads, hd] = r2.shape;
  if (kvHeads === heads) return r2;
  return tf.tidy(() => {
    const blocks = tf.reshape(r2, [kvHeads, 1, hd * hd]);
    const copies = Array.from({ length: heads / kvHeads }, () => blocks);
    return tf.reshape(tf.concat(copies, 1), [heads, hd, hd]);
  });
}

/** The transpose of {@link perQueryHead}: sums what each group's query heads say about their shared block. */
export function sumOverGroup(perHead: tf.Tensor3D, kvHeads: number): tf.Tensor3D {
  const [heads, hd] = perHead.shape;
  if (kvHeads === heads) return perHead;
  return tf.tidy(() =>
    tf.reshape(tf.sum(tf.reshape(perHead, [kvHeads, heads / kvHeads, hd * hd]), 1), [
      kvHeads,
      hd,
      hd,
    ]),
  );
}

/** `blk(R2)ᵀ W` for W `[kvHeads·hd, n]`. */
export function turnValueRows(w: tf.Tensor2D, r2: tf.Tensor3D): tf.Tensor2D {
  const [rows, n] = w.shape;
  const [kvHeads, hd] = r2.shape;
  return tf.tidy(() =>
    tf.reshape(exactProduct(r2, tf.reshape(w, [kvHeads, hd, n]), true, false), [rows, n]),
  );
}

/**
 * `W blk(R2)` from the transpose Wᵀ `[heads·hd, n]`, whose rows lie by head: `[n, heads·hd]`.
 *
 * @param perHead `[heads, hd, hd]` of {@link perQueryHead}
 */
export function turnHeadColumns(transposed: tf.Tensor2D, perHead: tf.Tensor3D): tf.Tensor2D {
  const [columns, n] = transposed.shape;
  const [heads, hd] = perHead.shape;
  return tf.tidy(() => {
    const byHead = exactProduct(tf.reshape(transposed, [heads, hd, n]), perHead, true, false);
    return tf.reshape(tf.transpose(byHead, [1, 0, 2]), [n, columns]);
  });
}

/**
 * The table above for one matrix; the caller owns the new one.
 * @param product with R1; one that the device may round where the result only guides a search
 */
export function foldedMatrix(
  role: Role,
  w: tf.Tensor2D,
  { r1, r2 }: Rotation,
  shape: LayerShape,
  product: typeof exactProduct<tf.Tensor2D> = exactProduct,
): tf.Tensor2D {
  return tf.tidy(() => {
    switch (role) {
      case "q":
      case "k":
      case "gate":
      case "up":
        return product(w, r1);
      case "v":
        return turnValueRows(product(w, r1), r2);
      case "o":
        return turnHeadColumns(product(w, r1, true, false), perQueryHead(r2, shape.heads));
      case "down":
        return product(r1, w, true, false);
      default:
        return role satisfies never;
    }
  });
}

/** The table above. The caller owns the seven new matrices; the old ones stay his. */
export function foldRotation(
  m: LayerMatrices,
  rotation: Rotation,
  shape: LayerShape,
): LayerMatrices {
  const folded = ROLES.map((role) => [role, foldedMatrix(role, m[role], rotation, shape)] as const);
  return Object.fromEntries(folded) as Record<Role, tf.Tensor2D>;
}

/** `blk(R2)ᵀ b` for the value bias `[kvHeads·hd]`; the biases of q and k stay as they are. */
export function rotateValueBias(bias: tf.Tensor1D, r2: tf.Tensor3D): tf.Tensor1D {
  return tf.tidy(() =>
    tf.reshape(turnValueRows(tf.reshape(bias, [bias.size, 1]), r2), [bias.size]),
  );
}
