/** Running calibration windows through one layer: to see the inputs of its matrices, or to pass the stream on. */
import * as tf from "@tensorflow/tfjs-core";
import { createAccumulator, isFiniteHessian, type HessianAccumulator } from "../method/index.ts";
import {
  decoderLayer,
  modelErrors,
  type DecoderLayer,
  type InputObserver,
  type SequenceContext,
} from "../model/index.ts";
import { INPUT_KINDS, type InputKind, type LayerShape } from "../vocabulary.ts";
import {
  eachStreamed,
  windowsPerBatch,
  type StreamReader,
  type StreamWriter,
} from "./activations.ts";

export interface LayerPass {
  readonly layer: DecoderLayer;
  readonly index: number;
  readonly context: SequenceContext;
  readonly signal: AbortSignal;
  /** Called after each batch with the share of windows done, 0…1. */
  readonly onProgress?: (share: number) => void;
}

const inputSize = (kind: InputKind, s: LayerShape): number =>
  ({ qkv: s.d, o: s.heads * s.headDim, mlp: s.d, down: s.ffn })[kind];

/**
 * Hessians `2/N · XᵀX` of the asked input kinds over all windows; the layer is run only as far as the last of them.
 * @throws model/non-finite-activations naming the layer
 */
export async function collectHessians<K extends InputKind>(
  stream: StreamReader,
  kinds: readonly K[],
  pass: LayerPass,
): Promise<Record<K, tf.Tensor2D>> {
  const { layer, index, context, onProgress } = pass;
  const { shape } = context.config;
  const { windows } = stream.shape;
  const accumulators = new Map<K, HessianAccumulator>(
    kinds.map((kind) => [kind, createAccumulator(inputSize(kind, shape), windows)]),
  );
  const stopAfter = INPUT_KINDS.findLast((kind) => accumulators.has(kind as K));
  const see = (kind: InputKind, input: tf.Tensor2D) => accumulators.get(kind as K)?.add(input);
  try {
    await overWindows(stream, pass, (x, done) => {
      decoderLayer(x, layer, index, context, { see, stopAfter }).dispose();
      onProgress?.(done);
      return Promise.resolve();
    });
    const hessians = {} as Record<K, tf.Tensor2D>;
    for (const [kind, accumulator] of accumulators) hessians[kind] = accumulator.take();
    for (const hessian of Object.values<tf.Tensor2D>(hessians)) {
      if (await isFiniteHessian(hessian)) continue;
      tf.dispose(Object.values(hessians));
      throw modelErrors.nonFiniteActivations(index);
    }
    return hessians;
  } finally {
    for (const accumulator of accumulators.values()) accumulator.dispose();
  }
}

/**
 * Passes the stream through the layer.
 * @param see looks at the inputs of the layer's matrices on the way
 * @throws model/non-finite-activations naming the layer
 */
export async function propagate(
  stream: StreamReader,
  target: StreamWriter,
  pass: LayerPass,
  see: InputObserver["see"] = () => undefined,
): Promise<void> {
  const { layer, index, context, onProgress } = pass;
  const finite = createFiniteCheck(index);
  try {
    await overWindows(stream, pass, async (x, done, from) => {
      const out = decoderLayer(x, layer, index, context, { see });
      finite.add(out);
      const values = await out.data<"float32">();
      out.dispose();
      await target.write(from, values);
      onProgress?.(done);
    });
    await finite.assert();
  } finally {
    finite.dispose();
  }
}

/** Whether a layer's outputs are finite, told by one number at the end: no host looks at every value. */
export function createFiniteCheck(layer: number) {
  let magnitude = tf.tidy(() => tf.keep(tf.scalar(0)));
  return {
    add(x: tf.Tensor): void {
      const before = magnitude;
      // NaN and Inf stay in a sum of magnitudes. Of means: a long pass would overflow a sum of sums.
      magnitude = tf.tidy(() => tf.keep(tf.add<tf.Scalar>(before, tf.mean(tf.abs(x)))));
      before.dispose();
    },
    /** @throws model/non-finite-activations */
    async assert(): Promise<void> {
      const [value] = await magnitude.data();
      if (!Number.isFinite(value)) throw modelErrors.nonFiniteActivations(layer);
    },
    dispose(): void {
      magnitude.dispose();
    },
  };
}

async function overWindows(
  stream: StreamReader,
  { context, signal }: LayerPass,
  work: (x: tf.Tensor3D, done: number, from: number) => Promise<void>,
): Promise<void> {
  const { windows, seqLen, d } = stream.shape;
  const perBatch = windowsPerBatch({ seqLen, ...context.config.shape });
  await eachStreamed(stream, perBatch, signal, async (values, from, count) => {
    const x = tf.tensor3d(values, [count, seqLen, d]);
    try {
      await work(x, (from + count) / windows, from);
    } finally {
      x.dispose();
    }
  });
}
