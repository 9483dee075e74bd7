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
import type { LayerShape } from "../vocabulary.ts";
import type { Hessians, LayerMatrices, Rotation } from "./types.ts";

export function identityRotation(shape: LayerShape): Rotation {
  const { d, kvHeads, headDim } = shape;
  return {
    r1: tf.eye(d),
    r2: tf.tidy(() => tf.tile(tf.reshape(tf.eye(headDim), [1, headDim, headDim]), [kvHeads, 1, 1])),
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
    tf.reshape(tf.matMul(r2, tf.reshape(w, [kvHeads, hd, n]), true, false), [rows, n]),
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
    const byHead = tf.matMul(tf.reshape(transposed, [heads, hd, n]), perHead, true, false);
    return tf.reshape(tf.transpose(byHead, [1, 0, 2]), [n, columns]);
  });
}

/** The table above. The caller owns the seven new matrices; the old ones stay his. */
export function foldRotation(
  m: LayerMatrices,
  { r1, r2 }: Rotation,
  shape: LayerShape,
): LayerMatrices {
  return tf.tidy(() => ({
    q: tf.matMul(m.q, r1),
    k: tf.matMul(m.k, r1),
    v: turnValueRows(tf.matMul(m.v, r1), r2),
    o: turnHeadColumns(tf.matMul(m.o, r1, true, false), perQueryHead(r2, shape.heads)),
    gate: tf.matMul(m.gate, r1),
    up: tf.matMul(m.up, r1),
    down: tf.matMul(r1, m.down, true, false),
  }));
}

/** `blk(R2)ᵀ b` for the value bias `[kvHeads·hd]`; the biases of q and k stay as they are. */
export function rotateValueBias(bias: tf.Tensor1D, r2: tf.Tensor3D): tf.Tensor1D {
  return tf.tidy(() =>
    tf.reshape(turnValueRows(tf.reshape(bias, [bias.size, 1]), r2), [bias.size]),
  );
}

/**
 * Hessians of the rotated layer's inputs, without another pass: `R1ᵀ H R1` for qkv and mlp, `blk(R2)ᵀ H blk(R2)`
 * for o; the input of down is not rotated (a copy, so that the caller owns all four).
 */
export function rotateHessians(h: Hessians, { r1, r2 }: Rotation, shape: LayerShape): Hessians {
  return tf.tidy(() => {
    const r2h = perQueryHead(r2, shape.heads);
    const turned = (x: tf.Tensor2D): tf.Tensor2D => tf.matMul(r1, tf.matMul(x, r1), true, false);
    // H is symmetric, so the columns of each half-turned matrix can be taken for its transpose's rows.
    const halfTurned = turnHeadColumns(h.o, r2h);
    return {
      qkv: turned(h.qkv),
      o: turnHeadColumns(halfTurned, r2h),
      mlp: turned(h.mlp),
      down: tf.clone(h.down),
    };
  });
}
