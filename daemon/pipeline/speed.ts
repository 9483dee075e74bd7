/** How fast the open device multiplies: the base of time estimates. */
import * as tf from "@tensorflow/tfjs-core";

/** Rows and columns: small enough for a device in software, … */
const SMALLEST = 512;
/** … and for a fast one so many that the product takes longer than asking for it. */
export const PROBE = 2048;
const REPEATS = 8;
/** Where that many products took less, larger ones are tried. */
const ENOUGH_SECONDS = 5e-3;
/** Share of the plain product's rate that a whole run reaches, elementwise work and reads included. */
const EFFICIENCY = 0.5;

/** Operations per second to count on; takes a few tens of milliseconds. */
export async function speedOf(): Promise<number> {
  for (let size = SMALLEST; ; size *= 2) {
    const seconds = await secondsOf(size);
    if (size < PROBE && seconds < ENOUGH_SECONDS) continue;
    return (EFFICIENCY * REPEATS * 2 * size ** 3) / seconds;
  }
}

/** Of {@link REPEATS} products, handed over together. */
async function secondsOf(size: number): Promise<number> {
  const a = tf.fill<tf.Rank.R2>([size, size], 1 / size);
  const multiply = async (times: number) => {
    const corner = tf.tidy(() => {
      let product = a;
      for (let i = 0; i < times; i++) {
        const before = product;
        product = tf.matMul<tf.Tensor2D>(a, before);
        if (before !== a) before.dispose();
      }
      return tf.slice(product, [0, 0], [1, 1]);
    });
    await corner.data();
    corner.dispose();
  };
  await multiply(1);
  const start = performance.now();
  await multiply(REPEATS);
  const seconds = (performance.now() - start) / 1000;
  a.dispose();
  return seconds;
}
