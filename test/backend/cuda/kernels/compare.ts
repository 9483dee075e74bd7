/** Runs the same operations on the cuda backend and on TensorFlow.js' plain JavaScript backend, and compares. */
import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import { expect } from "vitest";
import type { CudaBackend } from "../../../../daemon/backend/cuda/runtime.ts";
import { seededRandom } from "../../../../daemon/random.ts";

/** Tensors with the same random contents on each backend. */
export interface Source {
  /** Normal floats. */
  floats(...shape: number[]): tf.Tensor;
  /** Floats between `low` and `high`. */
  between(low: number, high: number, ...shape: number[]): tf.Tensor;
  /** Integers from −`most` to `most`. */
  ints(most: number, ...shape: number[]): tf.Tensor;
  /** Integers from 0 to `count` − 1. */
  indices(count: number, ...shape: number[]): tf.Tensor;
  bools(...shape: number[]): tf.Tensor;
}

export type Case = (source: Source) => tf.Tensor | tf.Tensor[];

function source(seed: number): Source {
  const random = seededRandom(seed);
  const make = (shape: number[], dtype: "float32" | "int32" | "bool", draw: () => number) => {
    const length = tf.util.sizeFromShape(shape);
    const values = Array.from({ length }, draw);
    const array =
      dtype === "float32"
        ? Float32Array.from(values)
        : dtype === "int32"
          ? Int32Array.from(values)
          : Uint8Array.from(values);
    return tf.tensor(array, shape, dtype);
  };
  const below = (count: number): number => Math.floor(random.next() * count);
  return {
    floats: (...shape) => make(shape, "float32", () => random.normal()),
    between: (low, high, ...shape) =>
      make(shape, "float32", () => low + (high - low) * random.next()),
    ints: (most, ...shape) => make(shape, "int32", () => below(2 * most + 1) - most),
    indices: (count, ...shape) => make(shape, "int32", () => below(count)),
    bools: (...shape) => make(shape, "bool", () => below(2)),
  };
}

interface Result {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly values: ArrayLike<number>;
}

async function resultsOn(backend: string, run: Case, seed: number): Promise<Result[]> {
  await tf.setBackend(backend);
  const outputs = [tf.tidy(() => run(source(seed)))].flat();
  const results = await Promise.all(
    outputs.map(async (output) => ({
      shape: output.shape,
      dtype: output.dtype,
      values: await output.data<"float32">(),
    })),
  );
  tf.dispose(outputs);
  return results;
}

/** Every output and all scratch memory starts as not-a-number, so that what a kernel leaves out shows. */
export function poisonMemory(backend: CudaBackend): void {
  const { runtime } = backend;
  const allocate = runtime.allocate.bind(runtime);
  runtime.allocate = (bytes) => {
    const memory = allocate(bytes);
    if (bytes > 0) runtime.fill(memory.address, 0xff, bytes);
    return memory;
  };
}

let seed = 1;

/** @param tolerance relative to the value, and to one */
export async function expectSame(run: Case, tolerance = 4e-6): Promise<void> {
  seed++;
  const wanted = await resultsOn("cpu", run, seed);
  await tf.setBackend("cuda");
  const held = tf.backend().numDataIds();
  const actual = await resultsOn("cuda", run, seed);
  expect(tf.backend().numDataIds(), "tensors left behind").toBe(held);
  expect(actual.length).toBe(wanted.length);
  actual.forEach((result, i) => {
    expect(result.shape).toEqual(wanted[i]?.shape);
    expect(result.dtype).toBe(wanted[i]?.dtype);
    expectValues(result.values, wanted[i]?.values ?? [], tolerance);
  });
}

function expectValues(
  actual: ArrayLike<number>,
  wanted: ArrayLike<number>,
  tolerance: number,
): void {
  expect(actual.length).toBe(wanted.length);
  for (let i = 0; i < wanted.length; i++) {
    const [value = NaN, other = NaN] = [actual[i], wanted[i]];
    if (Object.is(value, other) || value === other) continue;
    const difference = Math.abs(value - other) / Math.max(1, Math.abs(other));
    if (!(difference <= tolerance)) expect.fail(`entry ${i}: ${value}, not ${other}`);
  }
}
