/** The trained tensors by their checkpoint names: how they start, and how the model's forward sees them. */
import * as tf from "@tensorflow/tfjs-core";
import {
  EMBEDDING,
  FINAL_NORM,
  inputNormName,
  postAttentionNormName,
  weightName,
  type DecoderLayer,
  type ModelConfig,
} from "../../daemon/model/index.ts";
import { seededRandom } from "../../daemon/random.ts";
import { matrixShape, ROLES, type Role } from "../../daemon/vocabulary.ts";

export interface Parameter {
  readonly shape: readonly number[];
  /** Row-major float32 master copy; the optimizer changes it in place. */
  readonly values: Float32Array;
}

/** Checkpoint name → parameter, in a fixed order. The head is the embedding (tied). */
export type Parameters = ReadonlyMap<string, Parameter>;

/** Same keys, values on the device. */
export type DeviceParameters = Readonly<Record<string, tf.Tensor>>;

const EMBEDDING_DEVIATION = 0.02;

/**
 * Matrices are normal with variance 1/in, so that activations keep their scale; those that write to the residual
 * stream (o, down) are smaller by √(2 · layers), so that the stream's variance does not grow with depth (GPT-2).
 * Norm gains are 1.
 */
export function initialParameters(config: ModelConfig, seed: number): Parameters {
  const random = seededRandom(seed);
  const normal = (shape: readonly number[], deviation: number): Parameter => ({
    shape,
    values: Float32Array.from({ length: size(shape) }, () => random.normal() * deviation),
  });
  const { d } = config.shape;
  const gain = (): Parameter => ({ shape: [d], values: new Float32Array(d).fill(1) });
  const parameters = new Map<string, Parameter>([
    [EMBEDDING, normal([config.vocabSize, d], EMBEDDING_DEVIATION)],
  ]);
  for (let i = 0; i < config.layers; i++) {
    parameters.set(inputNormName(i), gain());
    parameters.set(postAttentionNormName(i), gain());
    for (const role of ROLES) {
      const shape = matrixShape(role, config.shape);
      const depth = role === "o" || role === "down" ? 2 * config.layers : 1;
      parameters.set(weightName(i, role), normal(shape, 1 / Math.sqrt(shape[1] * depth)));
    }
  }
  return parameters.set(FINAL_NORM, gain());
}

export function size(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

export function countParameters(parameters: Parameters): number {
  return [...parameters.values()].reduce((sum, { values }) => sum + values.length, 0);
}

/** A copy on the device; the caller disposes it with `tf.dispose`. */
export function upload(parameters: Parameters): Record<string, tf.Tensor> {
  return Object.fromEntries(
    [...parameters].map(([name, { shape, values }]) => [name, tf.tensor(values, [...shape])]),
  );
}

export function vectorOf(parameters: DeviceParameters, name: string): tf.Tensor1D {
  const tensor = parameters[name];
  if (tensor === undefined) throw new RangeError(`no parameter ${name}`);
  return tf.reshape(tensor, [tensor.size]);
}

export function matrixOf(parameters: DeviceParameters, name: string): tf.Tensor2D {
  const tensor = parameters[name];
  const [rows, columns] = tensor?.shape ?? [];
  if (tensor === undefined || rows === undefined || columns === undefined) {
    throw new RangeError(`no matrix ${name}`);
  }
  return tf.reshape(tensor, [rows, columns]);
}

/** Layer `i` as the forward wants it. */
export function layerOf(parameters: DeviceParameters, i: number): DecoderLayer {
  const matrix = (role: Role) => matrixOf(parameters, weightName(i, role));
  return {
    matrices: {
      q: matrix("q"),
      k: matrix("k"),
      v: matrix("v"),
      o: matrix("o"),
      gate: matrix("gate"),
      up: matrix("up"),
      down: matrix("down"),
    },
    biases: {},
    inputNorm: vectorOf(parameters, inputNormName(i)),
    postAttentionNorm: vectorOf(parameters, postAttentionNormName(i)),
    headNorms: null,
    entry: null,
  };
}
