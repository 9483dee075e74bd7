/** Running calibration windows through one layer: to see the inputs of its matrices, or to pass the stream on. */
import * as tf from "@tensorflow/tfjs-core";
import { allFinite, createAccumulator, type HessianAccumulator } from "../method/index.ts";
import {
  countNonFinite,
  decoderLayer,
  modelErrors,
  type DecoderLayer,
  type SequenceContext,
} from "../model/index.ts";
import { INPUT_KINDS, type InputKind, type LayerShape } from "../vocabulary.ts";
import { eachBatch, windowsPerBatch, type StreamReader, type StreamWriter } from "./activations.ts";

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
  { layer, index, context, signal, onProgress }: LayerPass,
): Promise<Record<K, tf.Tensor2D>> {
  const { shape } = context.config;
  const accumulators = new Map<InputKind, HessianAccumulator>(
    kinds.map((kind) => [kind, createAccumulator(inputSize(kind, shape))]),
  );
  const last = INPUT_KINDS.findLast((kind) => accumulators.has(kind));
  try {
    await overWindows(stream, context, signal, (x, done) => {
      const out = decoderLayer(x, layer, index, context, {
        see: (kind, input) => accumulators.get(kind)?.add(input),
        stopAfter: last,
      });
      out.dispose();
      onProgress?.(done);
      return Promise.resolve();
    });
    const { windows } = stream.shape;
    const hessians = Object.fromEntries(
      kinds.map((kind) => [kind, accumulators.get(kind)?.result(windows)]),
    ) as Record<K, tf.Tensor2D>;
    for (const hessian of Object.values<tf.Tensor2D>(hessians)) {
      if (!(await allFinite(hessian))) throw modelErrors.nonFiniteActivations(index);
    }
    return hessians;
  } finally {
    for (const accumulator of accumulators.values()) accumulator.dispose();
  }
}

/**
 * Passes the stream through the layer.
 * @throws model/non-finite-activations naming the layer
 */
export async function propagate(
  stream: StreamReader,
  target: StreamWriter,
  { layer, index, context, signal, onProgress }: LayerPass,
): Promise<void> {
  await overWindows(stream, context, signal, async (x, done, from) => {
    const out = decoderLayer(x, layer, index, context);
    const values = await out.data<"float32">();
    out.dispose();
    if (countNonFinite(values) > 0) throw modelErrors.nonFiniteActivations(index);
    await target.write(from, values);
    onProgress?.(done);
  });
}

async function overWindows(
  stream: StreamReader,
  context: SequenceContext,
  signal: AbortSignal,
  work: (x: tf.Tensor3D, done: number, from: number) => Promise<void>,
): Promise<void> {
  const { windows, seqLen, d } = stream.shape;
  const perBatch = windowsPerBatch({ seqLen, ...context.config.shape });
  await eachBatch(windows, perBatch, signal, async (from, count) => {
    const x = tf.tensor3d(await stream.read(from, count), [count, seqLen, d]);
    try {
      await work(x, (from + count) / windows, from);
    } finally {
      x.dispose();
    }
  });
}
