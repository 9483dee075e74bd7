/**
 * The metric of a layer: what importance needs to know of the calibration inputs, in reduced form.
 *
 *     Magnitude   nothing
 *     Wanda       H
 *     SparseGPT   H⁻¹, of H damped before it is inverted
 *
 * A rotation turns the inputs of q, k, v, gate and up by R1 and those of o by blk(R2); the input of down stays. So
 * o needs only the blocks on the diagonal and down only the diagonal itself, and the large Hessians can go.
 */
import * as tf from "@tensorflow/tfjs-core";
import { exactProduct } from "../backend/index.ts";
import type { InputKind, LayerShape, PruneMethod } from "../vocabulary.ts";
import { dampedFactor, diagonalOf } from "./linalg/index.ts";
import type { Hessians } from "./types.ts";

interface MetricTensors {
  /** `[d, d]` */
  readonly qkv: tf.Tensor2D;
  /** `[d, d]` */
  readonly mlp: tf.Tensor2D;
  /** The blocks on the diagonal, `[heads, headDim, headDim]` */
  readonly o: tf.Tensor3D;
  /** The diagonal, `[ffn]` */
  readonly down: tf.Tensor1D;
}

interface InverseMetric extends MetricTensors {
  /** Below every `[Rᵀ H⁻¹ R]_jj` whatever R, against rounding: one over the trace of the damped H. */
  readonly floor: Readonly<Record<InputKind, number>>;
}

export type LayerMetric =
  | { readonly method: "magnitude" }
  /** The tensors hold H. */
  | ({ readonly method: "wanda" } & MetricTensors)
  /** The tensors hold the damped H⁻¹. */
  | ({ readonly method: "sparsegpt" } & InverseMetric);

/** Damping that an input's inverse needed where that is more than was asked for: fallbacks to report. */
export type RaisedDamping = Readonly<Partial<Record<InputKind, number>>>;

export interface BuiltMetric {
  /** Owned by the caller: {@link disposeMetric}. */
  readonly metric: LayerMetric;
  readonly raisedDamping: RaisedDamping;
}

/**
 * @param hessians of the layer's inputs, not rotated; taken over and freed, each as soon as it has served
 * @param damping λ; sparsegpt only
 * @throws as `dampedFactor`
 */
export async function buildMetric(
  method: PruneMethod,
  hessians: Hessians,
  shape: LayerShape,
  damping: number,
): Promise<BuiltMetric> {
  switch (method) {
    case "magnitude":
      tf.dispose(Object.values(hessians));
      return { metric: { method }, raisedDamping: {} };
    case "wanda": {
      const tensors = reducedHessians(hessians, shape);
      tf.dispose(Object.values(hessians));
      return { metric: { method, ...tensors }, raisedDamping: {} };
    }
    case "sparsegpt":
      return reducedInverses(hessians, shape, damping);
    default:
      return method satisfies never;
  }
}

export function disposeMetric(metric: LayerMetric): void {
  if (metric.method === "magnitude") return;
  for (const t of [metric.qkv, metric.mlp, metric.o, metric.down]) t.dispose();
}

function reducedHessians(h: Hessians, shape: LayerShape): MetricTensors {
  const { heads, headDim } = shape;
  return tf.tidy(() => ({
    qkv: tf.clone(h.qkv),
    mlp: tf.clone(h.mlp),
    o: tf.stack(
      Array.from({ length: heads }, (_, i) =>
        tf.slice(h.o, [i * headDim, i * headDim], [headDim, headDim]),
      ),
    ) as tf.Tensor3D,
    down: diagonalOf(h.down),
  }));
}

async function reducedInverses(
  h: Hessians,
  { heads, headDim }: LayerShape,
  damping: number,
): Promise<BuiltMetric> {
  const floor = { qkv: 0, o: 0, mlp: 0, down: 0 };
  const raisedDamping: Partial<Record<InputKind, number>> = {};
  const made: tf.Tensor[] = [];
  /** `reduce` takes U, with H⁻¹ = UᵀU. */
  async function reduced<T extends tf.Tensor>(
    kind: InputKind,
    reduce: (u: tf.Tensor2D) => T,
  ): Promise<T> {
    const damped = await dampedFactor(h[kind], damping, () => {
      h[kind].dispose();
    });
    floor[kind] = 1 / damped.trace;
    if (damped.damping > damping) raisedDamping[kind] = damped.damping;
    const result = tf.tidy(() => reduce(damped.factor));
    damped.factor.dispose();
    made.push(result);
    return result;
  }
  const whole = (u: tf.Tensor2D): tf.Tensor2D => exactProduct(u, u, true, false);
  const blocks = (u: tf.Tensor2D): tf.Tensor3D => {
    const byHead = tf.transpose(tf.reshape<tf.Rank.R3>(u, [u.shape[0], heads, headDim]), [1, 0, 2]);
    return exactProduct(byHead, byHead, true, false);
  };
  const diagonal = (u: tf.Tensor2D): tf.Tensor1D => tf.squeeze(sumsOfSquares(u));
  try {
    const tensors = {
      qkv: await reduced("qkv", whole),
      mlp: await reduced("mlp", whole),
      o: await reduced("o", blocks),
      down: await reduced("down", diagonal),
    };
    return { metric: { method: "sparsegpt", floor, ...tensors }, raisedDamping };
  } catch (error) {
    tf.dispose([made, Object.values(h)]);
    throw error;
  }
}

/** Rows taken together. */
const ROWS = 512;

/** Of every column, `[1, n]`. A few rows at a time: for the largest input a square of the whole would be much memory. */
function sumsOfSquares(u: tf.Tensor2D): tf.Tensor2D {
  const [rows, columns] = u.shape;
  let sums = tf.zeros<tf.Rank.R2>([1, columns]);
  for (let from = 0; from < rows; from += ROWS) {
    const count = Math.min(ROWS, rows - from);
    const part = tf.tidy(() => {
      const squares = tf.square(tf.slice(u, [from, 0], [count, columns]));
      return tf.add<tf.Tensor2D>(sums, tf.matMul(tf.ones([1, count]), squares));
    });
    sums.dispose();
    sums = part;
  }
  return sums;
}
