/** AdamW (Loshchilov & Hutter 2019) on host arrays, with the gradient clipped by its global norm. */
import type { Parameters } from "./parameters.ts";

export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decoupled, `w ← w − lr · decay · w`; matrices only, gains and other vectors are exempt. */
  readonly weightDecay: number;
  /** Largest global norm of the gradient. */
  readonly clip: number;
}

export interface Moments {
  readonly first: Float32Array;
  readonly second: Float32Array;
}

export type AdamWState = ReadonlyMap<string, Moments>;

export function initialState(parameters: Parameters): AdamWState {
  return new Map(
    [...parameters].map(([name, { values }]) => [
      name,
      { first: new Float32Array(values.length), second: new Float32Array(values.length) },
    ]),
  );
}

/**
 * One update, in place on `parameters` and `state`.
 * @param step counts from 1 (bias correction)
 */
export function adamWStep(
  parameters: Parameters,
  state: AdamWState,
  gradients: ReadonlyMap<string, Float32Array>,
  step: number,
  learningRate: number,
  options: AdamWOptions,
): void {
  const { beta1, beta2, epsilon } = options;
  const clip = Math.min(1, options.clip / globalNorm(gradients));
  const correction1 = 1 - beta1 ** step;
  const correction2 = 1 - beta2 ** step;
  for (const [name, { shape, values }] of parameters) {
    const gradient = gradients.get(name);
    const moments = state.get(name);
    if (gradient === undefined || moments === undefined)
      throw new RangeError(`no gradient of ${name}`);
    const { first, second } = moments;
    const keep = 1 - learningRate * (shape.length > 1 ? options.weightDecay : 0);
    for (let i = 0; i < values.length; i++) {
      const g = (gradient[i] ?? 0) * clip;
      const m = beta1 * (first[i] ?? 0) + (1 - beta1) * g;
      const v = beta2 * (second[i] ?? 0) + (1 - beta2) * g * g;
      first[i] = m;
      second[i] = v;
      const update = m / correction1 / (Math.sqrt(v / correction2) + epsilon);
      values[i] = (values[i] ?? 0) * keep - learningRate * update;
    }
  }
}

function globalNorm(gradients: ReadonlyMap<string, Float32Array>): number {
  let sum = 0;
  for (const gradient of gradients.values()) for (const g of gradient) sum += g * g;
  return Math.sqrt(sum);
}

/** Linear warm-up to `peak`, then half a cosine down to 0 at `total`. `step` counts from 1. */
export function cosineSchedule(step: number, total: number, warmup: number, peak: number): number {
  if (step <= warmup) return (peak * step) / warmup;
  return (peak / 2) * (1 + Math.cos((Math.PI * (step - warmup)) / (total - warmup)));
}
