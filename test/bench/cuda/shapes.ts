/** The layers that are measured, and random numbers fast enough to fill them. */
import * as tf from "@tensorflow/tfjs-core";
import { seededRandom } from "../../../daemon/random.ts";
import type { LayerShape } from "../../../daemon/vocabulary.ts";

export const SHAPES = {
  "8b": { d: 4096, heads: 32, kvHeads: 8, headDim: 128, ffn: 14336 },
  "70b": { d: 8192, heads: 64, kvHeads: 8, headDim: 128, ffn: 28672 },
  /** To try the benchmark itself on an emulated GPU. */
  tiny: { d: 64, heads: 4, kvHeads: 2, headDim: 16, ffn: 128 },
} as const satisfies Record<string, LayerShape>;
export type ShapeName = keyof typeof SHAPES;
export const isShapeName = (name: string): name is ShapeName => Object.hasOwn(SHAPES, name);

const TABLE = 1 << 20;
const random = seededRandom(3);
const table = Float32Array.from({ length: 2 * TABLE }, () => random.normal());

/** Rows are cut from one table of normal numbers at random places: hundreds of millions in a second. */
export function normals(rows: number, cols: number, scale = 1): Float32Array {
  const scaled = scale === 1 ? table : table.map((x) => x * scale);
  const out = new Float32Array(rows * cols);
  for (let i = 0; i < rows; i++) {
    for (let at = 0; at < cols; at += TABLE) {
      const from = random.integer(TABLE);
      out.set(scaled.subarray(from, from + Math.min(TABLE, cols - at)), i * cols + at);
    }
  }
  return out;
}

export const normalTensor = (rows: number, cols: number): tf.Tensor2D =>
  tf.tensor2d(normals(rows, cols), [rows, cols]);

/** Of inputs whose sizes differ over columns, as activations' do. */
export function hessian(n: number): tf.Tensor2D {
  return tf.tidy(() => {
    const sizes = tf.exp(tf.tensor1d(normals(1, n)));
    const x = tf.mul<tf.Tensor2D>(normalTensor(n + 1024, n), sizes);
    return tf.mul(tf.matMul(x, x, true, false), 1 / n);
  });
}
