/** Next-token cross-entropy of a batch through the project's own forward, and its gradient by autodiff. */
import * as tf from "@tensorflow/tfjs-core";
import { rmsNorm } from "../../daemon/backend/index.ts";
import "./gradients.ts";
import {
  decoderLayer,
  EMBEDDING,
  FINAL_NORM,
  type SequenceContext,
} from "../../daemon/model/index.ts";
import { layerOf, matrixOf, vectorOf, type DeviceParameters } from "./parameters.ts";

/** `B` windows of `T + 1` tokens, row-major: position t of a window is the input that predicts position t + 1. */
export interface Batch {
  readonly windows: number;
  readonly tokens: Int32Array;
}

/** Mean negative log-likelihood, nats a token: a scalar. */
export function batchLoss(
  parameters: DeviceParameters,
  batch: Batch,
  context: SequenceContext,
): tf.Scalar {
  return tf.tidy(() => {
    const { config, seqLen } = context;
    const B = batch.windows;
    const { d } = config.shape;
    const ids = tf.tensor2d(batch.tokens, [B, seqLen + 1], "int32");
    const inputs = tf.reshape(tf.slice(ids, [0, 0], [B, seqLen]), [B * seqLen]);
    const targets: tf.Tensor1D = tf.reshape(tf.slice(ids, [0, 1], [B, seqLen]), [B * seqLen]);
    const embedding = matrixOf(parameters, EMBEDDING);

    let x: tf.Tensor3D = tf.reshape(tf.gather(embedding, inputs), [B, seqLen, d]);
    for (let i = 0; i < config.layers; i++) {
      x = decoderLayer(x, layerOf(parameters, i), i, context);
    }
    const gain = vectorOf(parameters, FINAL_NORM);
    const normed = rmsNorm(tf.reshape(x, [B * seqLen, d]), gain, config.normEps);
    const logits = tf.matMul<tf.Tensor2D>(normed, embedding, false, true);
    return crossEntropy(logits, targets);
  });
}

/**
 * `mean(logsumexp(logits) − logits[target])` for `logits [n, V]`, `targets [n]`. Its gradient
 * `(softmax(logits) − onehot(targets)) / n` is given in closed form: one pass over `[n, V]` instead of six.
 */
function crossEntropy(logits: tf.Tensor2D, targets: tf.Tensor1D): tf.Scalar {
  const [n, V] = logits.shape;
  // Asked for float32 directly, TensorFlow.js 4.22's wasm kernel writes the bits of the integer 1.
  const onehot = tf.cast(tf.oneHot(targets, V), "float32");
  const loss = tf.customGrad((...args) => {
    const [z, save] = args as [tf.Tensor2D, tf.GradSaveFunc];
    save([z, onehot]);
    return {
      value: tf.mean(tf.sub(tf.logSumExp(z, 1), tf.sum(tf.mul(z, onehot), 1))),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [scores, truth] = saved as [tf.Tensor2D, tf.Tensor2D];
        return tf.mul(tf.sub(tf.softmax(scores), truth), tf.div(dy, n));
      },
    };
  });
  return loss(logits) as tf.Scalar;
}

export interface LossAndGradients {
  readonly loss: number;
  /** By parameter name. */
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

/** @param parameters on the device; left as they are */
export async function lossAndGradients(
  parameters: DeviceParameters,
  batch: Batch,
  context: SequenceContext,
): Promise<LossAndGradients> {
  const names = Object.keys(parameters);
  const differentiate = tf.valueAndGrads((...tensors: tf.Tensor[]) =>
    batchLoss(Object.fromEntries(tensors.map((t, i) => [names[i] ?? "", t])), batch, context),
  );
  const { value, grads } = tf.tidy(() => differentiate(Object.values(parameters)));
  const gradients = new Map<string, Float32Array>();
  for (const [i, name] of names.entries()) {
    const gradient = grads[i];
    if (gradient !== undefined) gradients.set(name, await gradient.data<"float32">());
  }
  const [loss = NaN] = await value.data<"float32">();
  tf.dispose([value, ...grads]);
  return { loss, gradients };
}
