/** What moving on the orthogonal group starts from; the moves themselves are ../backend's (fused/orthogonal.ts). */
import * as tf from "@tensorflow/tfjs-core";
import { seededRandom } from "../random.ts";

export { move, orthonormalised, type Move } from "../backend/index.ts";

/** A start for the power iteration, `[blocks, n, 1]`; the same on every machine. */
export function powerStart(blocks: number, n: number): tf.Tensor3D {
  const random = seededRandom(0);
  return tf.tensor3d(
    Float32Array.from({ length: blocks * n }, () => random.normal()),
    [blocks, n, 1],
  );
}
