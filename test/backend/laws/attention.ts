/** Causal attention, also where its scores are computed in several pieces. */
import * as tf from "@tensorflow/tfjs-core";
import { test } from "vitest";
import { causalAttention } from "../../../daemon/backend/index.ts";
import { expectClose, random, valuesOf } from "./numbers.ts";

export function attentionLaws(): void {
  test.each([
    { B: 1, T: 5, heads: 4, kvHeads: 2, hd: 4, window: null },
    { B: 2, T: 9, heads: 3, kvHeads: 3, hd: 2, window: 4 },
    { B: 3, T: 300, heads: 4, kvHeads: 2, hd: 2, window: null },
    { B: 3, T: 300, heads: 4, kvHeads: 2, hd: 2, window: 270 },
  ])("$B × $T, $heads heads of $kvHeads, window $window", async (shape) => {
    const { B, T, heads, kvHeads, hd, window } = shape;
    const make = (n: number) => Float32Array.from({ length: B * T * n * hd }, random.normal);
    const [q, k, v] = [make(heads), make(kvHeads), make(kvHeads)];
    const result = tf.tidy(() =>
      causalAttention(
        tf.tensor4d(q, [B, T, heads, hd]),
        tf.tensor4d(k, [B, T, kvHeads, hd]),
        tf.tensor4d(v, [B, T, kvHeads, hd]),
        window,
      ),
    );
    /** Number `e` of what head `h` reads at position `t`, of `n` heads. */
    const of = (x: Float32Array, n: number, b: number, t: number, h: number, e: number): number =>
      x[((b * T + t) * n + h) * hd + e] ?? NaN;
    const wanted: number[] = [];
    for (let b = 0; b < B; b++) {
      for (let t = 0; t < T; t++) {
        for (let h = 0; h < heads; h++) {
          const kv = Math.floor(h / (heads / kvHeads));
          const first = window === null ? 0 : Math.max(0, t - window + 1);
          const weights: number[] = [];
          for (let s = first; s <= t; s++) {
            let score = 0;
            for (let e = 0; e < hd; e++)
              score += of(q, heads, b, t, h, e) * of(k, kvHeads, b, s, kv, e);
            weights.push(Math.exp(score / Math.sqrt(hd)));
          }
          const total = weights.reduce((sum, x) => sum + x, 0);
          for (let e = 0; e < hd; e++) {
            const read = weights.map((x, i) => x * of(v, kvHeads, b, first + i, kv, e));
            wanted.push(read.reduce((sum, x) => sum + x, 0) / total);
          }
        }
      }
    }
    expectClose(await valuesOf(result), wanted);
  });
}
