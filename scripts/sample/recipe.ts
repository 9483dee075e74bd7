/** How the sample is trained: every number that decides its weights. */
import type { AdamWOptions } from "./adamw.ts";

export interface TrainingRecipe {
  readonly seed: number;
  readonly steps: number;
  /** Windows a step, each of `seqLen` predicted tokens. */
  readonly windows: number;
  readonly seqLen: number;
  readonly warmup: number;
  readonly peakLearningRate: number;
  readonly optimizer: AdamWOptions;
}

/** No weight decay: nothing is seen twice, so there is nothing to overfit. */
export const RECIPE: TrainingRecipe = {
  seed: 2505,
  steps: 1200,
  windows: 8,
  seqLen: 256,
  warmup: 80,
  peakLearningRate: 5e-3,
  optimizer: { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0, clip: 1 },
};
