/** NaN and Inf are refused at the door: where values are on the host by a loop, on the device by one number. */
import * as tf from "@tensorflow/tfjs-core";
import type { Checkpoint } from "../checkpoint/index.ts";
import { nonFiniteWeights } from "./errors.ts";

/** @throws model/non-finite-weights naming the tensor */
export function checkFiniteValues(
  checkpoint: Checkpoint,
  name: string,
  values: Float32Array,
): void {
  const bad = countNonFinite(values);
  if (bad === 0) return;
  throw nonFiniteWeights(checkpoint.tensors.get(name)?.file ?? checkpoint.root, name, bad);
}

/** A tensor on the device and its name in the checkpoint. */
export type Named = readonly [name: string, values: tf.Tensor];

/**
 * Sums of magnitudes: one number a tensor tells whether its values must be looked at.
 * @throws model/non-finite-weights naming the first
 */
export async function checkFiniteTensors(
  checkpoint: Checkpoint,
  tensors: readonly Named[],
): Promise<void> {
  const stacked = tf.tidy(() => tf.stack(tensors.map(([, values]) => sumOfMagnitudes(values))));
  const sums = await stacked.data<"float32">();
  stacked.dispose();
  for (const [at, [name, values]] of tensors.entries()) {
    if (Number.isFinite(sums[at])) continue;
    checkFiniteValues(checkpoint, name, await values.data<"float32">());
  }
}

function countNonFinite(values: Float32Array): number {
  // x − x is 0 for a finite x and NaN otherwise, so one addition per value finds whether there is anything to count.
  let sum = 0;
  // By index, from the end: iterating takes ten times as long.
  for (let i = values.length; i-- > 0;) {
    const x = values[i] ?? 0;
    sum += x - x;
  }
  return sum === 0 ? 0 : values.reduce((n, x) => n + (Number.isFinite(x) ? 0 : 1), 0);
}

/**
 * A number that is not finite if any of `x` is not. By magnitudes: a sum of them carries NaN and Inf on every backend,
 * where `isNaN` may be optimised away by a shader compiler, and overflows only beyond any sane tensor.
 */
function sumOfMagnitudes(x: tf.Tensor): tf.Scalar {
  return tf.tidy(() => tf.sum(tf.abs(x)));
}
