/** The training loop: batch → loss and gradient → AdamW, told in order; stops and goes on where it stopped. */
import { createHash } from "node:crypto";
import * as tf from "@tensorflow/tfjs-core";
import { disposeContext, sequenceContext, type ModelConfig } from "../../daemon/model/index.ts";
import { adamWStep, cosineSchedule } from "./adamw.ts";
import { lossAndGradients } from "./loss.ts";
import { upload, type Parameters } from "./parameters.ts";
import type { TrainingRecipe } from "./recipe.ts";
import { freshState, loadState, saveState } from "./trainingState.ts";
import { batchAt, tokensNeeded } from "./windows.ts";

export interface TrainingOptions {
  readonly config: ModelConfig;
  readonly recipe: TrainingRecipe;
  /** At least {@link tokensNeeded} of the recipe. */
  readonly stream: Int32Array;
  /** File that carries the training over an interruption, and steps between two writes; `null` keeps nothing. */
  readonly state: { readonly file: string; readonly every: number } | null;
  readonly onStep: (step: number, loss: number) => void;
}

/**
 * Trains from the start, or from the state file if it is of the same model, recipe and text.
 * @returns float32 parameters after the recipe's last step
 */
export async function train(options: TrainingOptions): Promise<Parameters> {
  const { config, recipe, stream, onStep } = options;
  const { windows, seqLen, steps } = recipe;
  const needed = tokensNeeded(steps, windows, seqLen);
  if (stream.length < needed) throw new RangeError(`${stream.length} tokens, ${needed} needed`);

  const identity = identify(config, recipe, stream);
  const fresh = freshState(config, recipe.seed);
  const saved = options.state;
  let state = saved === null ? fresh : await loadState(saved.file, identity, fresh);
  const context = sequenceContext(config, seqLen);
  for (let step = state.step + 1; step <= steps; step++) {
    const onDevice = upload(state.parameters);
    const batch = batchAt(stream, step - 1, windows, seqLen);
    const { loss, gradients } = await lossAndGradients(onDevice, batch, context);
    tf.dispose(onDevice);
    const learningRate = cosineSchedule(step, steps, recipe.warmup, recipe.peakLearningRate);
    adamWStep(state.parameters, state.moments, gradients, step, learningRate, recipe.optimizer);
    state = { ...state, step };
    onStep(step, loss);
    if (saved !== null && (step % saved.every === 0 || step === steps)) {
      await saveState(saved.file, identity, state);
    }
  }
  disposeContext(context);
  return state.parameters;
}

function identify(config: ModelConfig, recipe: TrainingRecipe, stream: Int32Array): string {
  return createHash("sha256")
    .update(JSON.stringify([config.raw, recipe]))
    .update(new Uint8Array(stream.buffer, stream.byteOffset, stream.byteLength))
    .digest("hex");
}
