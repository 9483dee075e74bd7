/** How fast the open device multiplies: the base of time estimates. */
import * as tf from "@tensorflow/tfjs-core";

const SIZE = 512;
const REPEATS = 4;
/** Share of the plain product's rate that a whole run reaches, elementwise work and reads included. */
const EFFICIENCY = 0.5;

/** Operations per second to count on; takes a few tens of milliseconds. */
export async function speedOf(): Promise<number> {
  const a = tf.randomNormal([SIZE, SIZE]);
  const multiply = async () => {
    const c = tf.tidy(() => tf.sum(tf.matMul(a, a)));
    await c.data();
    c.dispose();
  };
  await multiply();
  const start = performance.now();
  for (let i = 0; i < REPEATS; i++) await multiply();
  const seconds = (performance.now() - start) / 1000;
  a.dispose();
  return (EFFICIENCY * REPEATS * 2 * SIZE ** 3) / seconds;
}
