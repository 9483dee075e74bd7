/**
 * The weight c of each input column after a rotation R, and the way a gradient goes from c back to R.
 *
 *     u_j = [Rᵀ M R]_jj = Σ_i R_ij (M R)_ij        M the metric: H for Wanda, damped H⁻¹ for SparseGPT
 *     c_j = 1  (Magnitude),  u_j  (Wanda),  1 / u_j  (SparseGPT)
 *
 *     ∂u_j/∂R_ij = 2 (M R)_ij                      M symmetric
 *     ∂c_j/∂u_j  = 1  (Wanda),  −c_j²  (SparseGPT)
 */
import * as tf from "@tensorflow/tfjs-core";
import { addScaledColumns, columnDots } from "../backend/index.ts";
import type { InputKind, LayerShape } from "../vocabulary.ts";
import type { LayerMetric } from "./metric.ts";
import { perQueryHead } from "./rotation.ts";
import type { Rotation } from "./types.ts";

/**
 * c `[in]`, with the pull-back of ∂/∂c `[in]`: added to ∂/∂R, which is taken over (`addScaledColumns`); none where c
 * does not depend on R.
 */
export interface ColumnWeights<R extends tf.Tensor> {
  readonly c: tf.Tensor1D;
  readonly pull?: (gradC: tf.Tensor1D, gradR: R) => R;
}

export interface LayerColumns {
  readonly qkv: ColumnWeights<tf.Tensor2D>;
  readonly mlp: ColumnWeights<tf.Tensor2D>;
  /** Pulls back to one block per query head, `[heads, headDim, headDim]`. */
  readonly o: ColumnWeights<tf.Tensor3D>;
  readonly down: ColumnWeights<never>;
}

/** To be called within `tf.tidy`: the pull-backs hold tensors. `perHead` is `perQueryHead(r2)`. */
export function layerColumns(
  metric: LayerMetric,
  r1: tf.Tensor2D,
  perHead: tf.Tensor3D,
  shape: LayerShape,
): LayerColumns {
  switch (metric.method) {
    case "magnitude": {
      const ones = (n: number) => ({ c: tf.ones<tf.Rank.R1>([n]) });
      const stream = ones(shape.d);
      return {
        qkv: stream,
        mlp: stream,
        o: ones(shape.heads * shape.headDim),
        down: ones(shape.ffn),
      };
    }
    case "wanda": {
      const along = <R extends tf.Tensor>(m: R, r: R) => quadratic(m, r, undefined);
      return {
        qkv: along(metric.qkv, r1),
        mlp: along(metric.mlp, r1),
        o: along(metric.o, perHead),
        down: { c: metric.down },
      };
    }
    case "sparsegpt": {
      const { floor } = metric;
      return {
        qkv: quadratic(metric.qkv, r1, floor.qkv),
        mlp: quadratic(metric.mlp, r1, floor.mlp),
        o: quadratic(metric.o, perHead, floor.o),
        down: { c: tf.reciprocal(tf.maximum(metric.down, floor.down)) },
      };
    }
    default:
      return metric satisfies never;
  }
}

/**
 * @param m, r `[…, n, n]`
 * @param inverseFloor undefined: c = u, not below 0; a number: c = 1/u with u not below it
 */
function quadratic<R extends tf.Tensor>(
  m: R,
  r: R,
  inverseFloor: number | undefined,
): ColumnWeights<R> {
  const mr = tf.matMul<R>(m, r);
  const u = tf.maximum(columnDots(r, mr), inverseFloor ?? 0);
  const c = inverseFloor === undefined ? u : tf.reciprocal(u);
  return {
    c: tf.reshape(c, [c.size]),
    pull(gradC, gradR) {
      const given = tf.reshape(gradC, c.shape);
      const gradU = inverseFloor === undefined ? given : tf.mul(given, tf.neg(tf.square(c)));
      return addScaledColumns(gradR, mr, tf.mul(gradU, 2));
    },
  };
}

/** c of every input kind under a rotation; the caller owns the four tensors. */
export function columnWeights(
  metric: LayerMetric,
  rotation: Rotation,
  shape: LayerShape,
): Readonly<Record<InputKind, tf.Tensor1D>> {
  return tf.tidy(() => {
    const columns = layerColumns(
      metric,
      rotation.r1,
      perQueryHead(rotation.r2, shape.heads),
      shape,
    );
    return {
      qkv: tf.clone(columns.qkv.c),
      o: tf.clone(columns.o.c),
      mlp: tf.clone(columns.mlp.c),
      down: tf.clone(columns.down.c),
    };
  });
}

/** `s_ij = w_ij² c_j` of one matrix, `[out, in]`. */
export function importance(w: tf.Tensor2D, c: tf.Tensor1D): tf.Tensor2D {
  return tf.tidy(() => tf.mul(tf.square(w), c));
}
