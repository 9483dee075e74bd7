/**
 * Causal grouped-query attention, in blocks of queries so that a long sequence never needs a T × T matrix: the block
 * of queries [a, b) sees keys [first, b) only, at most `QUERY_BLOCK · T` scores a head.
 */
import * as tf from "@tensorflow/tfjs-core";
import { COMPOSED_LIMITS } from "../limits.ts";
import { hasKernel, runFused } from "./dispatch.ts";

const { queries: QUERY_BLOCK, scores: SCORES } = COMPOSED_LIMITS;
/** Finite, so that a fully masked score underflows to 0 in softmax without NaN. */
const MASKED = -1e30;

/**
 * @param q `[B, T, heads, hd]`, after RoPE
 * @param k `[B, T, kvHeads, hd]`, after RoPE
 * @param v `[B, T, kvHeads, hd]`
 * @param window query t sees keys t−window+1 … t; `null` sees all before it
 * @returns `[B · T, heads · hd]`
 */
export function causalAttention(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  window: number | null,
): tf.Tensor2D {
  const [B, T, heads, hd] = q.shape;
  tf.util.assertShapesMatch(k.shape, v.shape, "Keys and values do not fit: ");
  tf.util.assert(
    tf.util.arraysEqual(k.shape, [B, T, k.shape[2], hd]) && heads % k.shape[2] === 0,
    () => `queries [${q.shape.join()}] and keys [${k.shape.join()}] do not fit`,
  );
  if (hasKernel("causalAttention")) {
    return runFused("causalAttention", { q, k, v }, { window: window ?? 0 })[0] as tf.Tensor2D;
  }
  return composed(q, k, v, window);
}

function composed(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  window: number | null,
): tf.Tensor2D {
  return tf.tidy(() => {
    const [B, T, heads, hd] = q.shape;
    const kvHeads = k.shape[2];
    const group = heads / kvHeads;
    // Heads g·group … (g+1)·group − 1 read key/value head g.
    const qh: tf.Tensor4D = tf.tidy(() => {
      const scaled = tf.mul(q, 1 / Math.sqrt(hd));
      return tf.reshape(tf.transpose(scaled, [0, 2, 1, 3]), [B * kvHeads, group, T, hd]);
    });
    const kh: tf.Tensor3D = tf.reshape(tf.transpose(k, [0, 2, 1, 3]), [B * kvHeads, T, hd]);
    const vh: tf.Tensor3D = tf.reshape(tf.transpose(v, [0, 2, 1, 3]), [B * kvHeads, T, hd]);

    const blocks: tf.Tensor4D[] = [];
    for (let from = 0; from < T; from += QUERY_BLOCK) {
      const to = Math.min(from + QUERY_BLOCK, T);
      const first = window === null ? 0 : Math.max(0, from - window + 1);
      const mask = causalMask(from, to, first, window);
      blocks.push(ofQueries({ qh, kh, vh }, { from, to, first }, mask));
      mask.dispose();
    }
    const perHead = tf.reshape(tf.concat(blocks, 2), [B, heads, T, hd]);
    return tf.reshape(tf.transpose(perHead, [0, 2, 1, 3]), [B * T, heads * hd]);
  });
}

interface Heads {
  /** `[B · kvHeads, group, T, hd]` */
  readonly qh: tf.Tensor4D;
  /** `[B · kvHeads, T, hd]`, as the values */
  readonly kh: tf.Tensor3D;
  readonly vh: tf.Tensor3D;
}

/** Queries [from, to), keys [first, to). */
interface Range {
  readonly from: number;
  readonly to: number;
  readonly first: number;
}

/** What a block of queries reads, `[B · kvHeads, group, to − from, hd]`. */
function ofQueries(
  { qh, kh, vh }: Heads,
  { from, to, first }: Range,
  mask: tf.Tensor,
): tf.Tensor4D {
  const [all, group, , hd] = qh.shape;
  const [rows, keys] = [to - from, to - first];
  const atOnce = Math.max(1, Math.floor(SCORES / (group * rows * keys)));
  const part = <T extends tf.Tensor>(x: T, begin: number[], size: number[]): T =>
    tf.util.arraysEqual(x.shape, size) ? x : tf.slice(x, begin, size);
  return tf.tidy(() => {
    const pieces: tf.Tensor4D[] = [];
    for (let at = 0; at < all; at += atOnce) {
      const count = Math.min(atOnce, all - at);
      const piece = tf.tidy(() => {
        const qb = part(qh, [at, 0, from, 0], [count, group, rows, hd]);
        const kb = part(kh, [at, first, 0], [count, keys, hd]);
        const vb = part(vh, [at, first, 0], [count, keys, hd]);
        const flat = tf.reshape(qb, [count, group * rows, hd]);
        // The largest of a layer: two of them at a time, no more.
        const product = tf.matMul(flat, kb, false, true);
        const scores = tf.reshape(product, [count, group, rows, keys]);
        const masked = tf.add(scores, mask);
        tf.dispose([product, scores]);
        const weights = tf.reshape(tf.softmax(masked), [count, group * rows, keys]);
        masked.dispose();
        return tf.reshape<tf.Rank.R4>(tf.matMul(weights, vb), [count, group, rows, hd]);
      });
      pieces.push(piece);
    }
    return tf.concat(pieces, 0);
  });
}

/** Additive mask `[to − from, to − first]`: 0 where query `from + i` may see key `first + j`, else −1e30. */
function causalMask(from: number, to: number, first: number, window: number | null): tf.Tensor2D {
  const rows = to - from;
  const keys = to - first;
  const values = new Float32Array(rows * keys);
  for (let i = 0; i < rows; i++) {
    const query = from + i;
    const oldest = window === null ? 0 : query - window + 1;
    for (let j = 0; j < keys; j++) {
      const key = first + j;
      if (key > query || key < oldest) values[i * keys + j] = MASKED;
    }
  }
  return tf.tensor2d(values, [rows, keys]);
}
