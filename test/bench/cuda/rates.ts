/** What the card multiplies at, in every precision: the ceiling that everything else is a share of. */
import * as tf from "@tensorflow/tfjs-core";
import type { CudaBackend } from "../../../daemon/backend/cuda/runtime.ts";
import { openBackend } from "../../../daemon/backend/index.ts";
import { medianSeconds, round, type Row } from "../report.ts";
import { normalTensor } from "./shapes.ts";

const PRECISIONS = ["tf32", "bf16", "f32"] as const;
const PRODUCTS = 10;

/** Operations per second of products `[n, n] · [n, n]` one after the other, random operands. */
export async function productRate(n: number): Promise<number> {
  const [a, b] = [normalTensor(n, n), normalTensor(n, n)];
  const seconds = await medianSeconds(5, async () => {
    const last = tf.tidy(() => {
      for (let i = 1; i < PRODUCTS; i++) tf.matMul(a, b).dispose();
      return tf.slice(tf.matMul(a, b), [0, 0], [1, 1]);
    });
    await last.data();
    last.dispose();
  });
  tf.dispose([a, b]);
  return (PRODUCTS * 2 * n ** 3) / seconds;
}

export async function* rateRows(n: number): AsyncGenerator<Row> {
  for (const precision of PRECISIONS) {
    const backend = await openBackend("cuda", { precision });
    const rate = await productRate(n);
    yield { precision, n, "TFLOP/s": round(rate / 1e12) };
    await backend.dispose();
  }
}

/** `[m, k] · [k, n]` of the forward product and of the gradient, at the widest matrix of a layer. */
const LAYOUT_SHAPES = (d: number, ffn: number) =>
  [
    { m: ffn, n: d, k: d },
    { m: d, n: d, k: ffn },
  ] as const;

/** The rate by which operand lies transposed in memory: tensor cores do not like all of them alike. */
export async function* layoutRows(d: number, ffn: number): AsyncGenerator<Row> {
  for (const precision of PRECISIONS) {
    const opened = await openBackend("cuda", { precision });
    const backend = tf.backend() as CudaBackend;
    for (const { m, n, k } of LAYOUT_SHAPES(d, ffn)) {
      const [a, b, c] = [normalTensor(m, k), normalTensor(k, n), normalTensor(m, n)];
      const row: Record<string, string | number> = { precision, m, n, k };
      for (const transposeA of [false, true]) {
        for (const transposeB of [false, true]) {
          const [at, bt, ct] = [a, b, c].map((t) => backend.address(t)) as [number, number, number];
          const seconds = await medianSeconds(3, async () => {
            for (let i = 0; i < PRODUCTS; i++) {
              backend.runtime.gemm({ m, n, k, transposeA, transposeB, a: at, b: bt, c: ct });
            }
            const last = tf.slice(c, [0, 0], [1, 1]);
            await last.data();
            last.dispose();
          });
          const layout = `${transposeA ? "T" : "N"}${transposeB ? "T" : "N"} TFLOP/s`;
          row[layout] = round((PRODUCTS * 2 * m * n * k) / seconds / 1e12);
        }
      }
      yield row;
      tf.dispose([a, b, c]);
    }
    await opened.dispose();
  }
}
