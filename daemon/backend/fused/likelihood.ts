/** What the likelihood of a token needs of a slice of its logits, in one reading of them. */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, runFused } from "./dispatch.ts";

export interface TargetLikelihood extends tf.NamedTensorMap {
  /** `ln Σ exp` of each row, `[n]` */
  readonly logSums: tf.Tensor1D;
  /** The logit of each row's target, `[n]`; without meaning where the target lies outside the slice. */
  readonly picked: tf.Tensor1D;
}

/**
 * @param logits `[n, size]`
 * @param targets n columns; those outside `0 … size − 1` pick nothing
 */
export function targetLikelihood(logits: tf.Tensor2D, targets: Int32Array): TargetLikelihood {
  const [n, size] = logits.shape;
  tf.util.assert(targets.length === n, () => `${n} rows of logits, ${targets.length} targets`);
  return tf.tidy(() => {
    if (hasKernel("likelihood")) {
      const inputs = { logits, targets: tf.tensor1d(targets, "int32") };
      const [logSums, picked] = runFused("likelihood", inputs, {}) as [tf.Tensor1D, tf.Tensor1D];
      return { logSums, picked };
    }
    const places = targets.map((j, i) => i * size + (j >= 0 && j < size ? j : 0));
    return {
      logSums: tf.logSumExp(logits, 1),
      picked: tf.gather(tf.reshape(logits, [n * size]), tf.tensor1d(places, "int32")),
    };
  });
}
