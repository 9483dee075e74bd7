/** How fast the open device is: the base of time estimates. */
import * as tf from "@tensorflow/tfjs-core";
import { allOrNothing, swiglu } from "../backend/index.ts";
import type { Speed } from "./work.ts";

/** Rows and columns: small enough for a device in software, … */
const SMALLEST = 512;
/** … and for a fast one so many that the work takes longer than asking for it. */
export const PROBE = 2048;
const REPEATS = 8;
/** Where products took less, larger ones are tried. */
const ENOUGH_SECONDS = 5e-3;
/** Measured so often, as long as there is time; the shortest counts: what else the machine does only makes it longer. */
const TRIES = 5;
const TRYING_SECONDS = 0.1;

/** Takes about two tenths of a second. */
export const speedOf = (): Promise<Speed> => allOrNothing(probe);

async function probe(): Promise<Speed> {
  for (let size = SMALLEST; ; size *= 2) {
    const products = await secondsOf((times) => productsOf(size, times));
    if (size < PROBE && products < ENOUGH_SECONDS) continue;
    const activations = await secondsOf((times) => activationsOf(size, times));
    return {
      flops: (REPEATS * 2 * size ** 3) / products,
      elements: (REPEATS * size ** 2) / activations,
    };
  }
}

/** Each of the one before, so that none can be left out. */
function productsOf(size: number, times: number): tf.Tensor2D {
  const a = tf.fill<tf.Rank.R2>([size, size], 1 / size);
  let product = a;
  for (let i = 0; i < times; i++) {
    const before = product;
    product = tf.matMul<tf.Tensor2D>(a, before);
    if (before !== a) before.dispose();
  }
  return product;
}

/** Of numbers that stay ordinary ones: they about double each time. */
function activationsOf(size: number, times: number): tf.Tensor2D {
  const up = tf.fill<tf.Rank.R2>([size, size], 2);
  let hidden = tf.fill<tf.Rank.R2>([size, size], 1);
  for (let i = 0; i < times; i++) hidden = swiglu(hidden, up);
  return hidden;
}

/** Of {@link REPEATS} of them, handed over together. */
async function secondsOf(work: (times: number) => tf.Tensor2D): Promise<number> {
  const done = async (times: number) => {
    const corner = tf.tidy(() => tf.slice(work(times), [0, 0], [1, 1]));
    await corner.data();
    corner.dispose();
  };
  await done(1);
  let shortest = Infinity;
  let spent = 0;
  for (let i = 0; i < TRIES && spent < TRYING_SECONDS; i++) {
    const start = performance.now();
    await done(REPEATS);
    const seconds = (performance.now() - start) / 1000;
    shortest = Math.min(shortest, seconds);
    spent += seconds;
  }
  return shortest;
}
