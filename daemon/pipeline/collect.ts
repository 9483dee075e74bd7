/** Running calibration windows through one layer: to see the inputs of its matrices, or to pass the stream on. */
import * as tf from "@tensorflow/tfjs-core";
import { batchesInFlight, beside, gpuCount, onGpu } from "../backend/index.ts";
import { createAccumulator, isFiniteHessian, type HessianAccumulator } from "../method/index.ts";
import {
  decoderLayer,
  modelErrors,
  type DecoderLayer,
  type InputObserver,
  type SequenceContext,
} from "../model/index.ts";
import { INPUT_KINDS, inputSize, type InputKind } from "../vocabulary.ts";
import type { StreamReader, StreamWriter } from "./activations.ts";
import { windowsPerBatch } from "./batches.ts";
import { roomForLayer } from "./deviceMemory.ts";
import { eachStreamed, type StreamBatch } from "./streamPasses.ts";

export interface LayerPass {
  readonly layer: DecoderLayer;
  readonly index: number;
  readonly context: SequenceContext;
  readonly signal: AbortSignal;
  /** Nobody reads the stream after this pass. Default false. */
  readonly last?: boolean;
  /** q, k and v stay as they are: later passes need not compute the attention again. Default false. */
  readonly attentionStays?: boolean;
  /** Called after each batch with the share of windows done, 0…1. */
  readonly onProgress?: (share: number) => void;
}

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
  const create = () =>
    kinds.map((kind) => [kind, createAccumulator(inputSize(kind, shape), windows)] as const);
  const sums = eachGpu(() => new Map<K, HessianAccumulator>(create()));
  const stopAfter = INPUT_KINDS.findLast((kind) => kinds.includes(kind as K));
  // A device that is handed batch after batch would hold them all.
  const underWay: Promise<void>[] = [];
  try {
    await overWindows(stream, pass, async ({ x, gpu, done, attended, keepAttended }) => {
      const own = sums[gpu];
      const see = (kind: InputKind, input: tf.Tensor2D) => {
        own?.get(kind as K)?.add(input);
        if (kind === "o") keepAttended(input);
      };
      const computed = onGpu(gpu, () => {
        decoderLayer(x, layer, index, context, { see, stopAfter, attended }).dispose();
        return stopAfter && own?.get(stopAfter as K)?.computed();
      });
      // Awaited in its turn, or never where the work stops before.
      underWay.push(beside(computed ?? Promise.resolve()));
      if (underWay.length === batchesInFlight()) await underWay.shift();
      onProgress?.(done);
    });
    const hessians = {} as Record<K, tf.Tensor2D>;
    for (const kind of kinds) {
      const parts = sums.flatMap((of) => of.get(kind)?.take() ?? []);
      hessians[kind] = parts.reduce(addInto);
    }
    for (const hessian of Object.values<tf.Tensor2D>(hessians)) {
      if (await isFiniteHessian(hessian)) continue;
      tf.dispose(Object.values(hessians));
      throw modelErrors.nonFiniteActivations(index);
    }
    return hessians;
  } finally {
    for (const of of sums) for (const accumulator of of.values()) accumulator.dispose();
  }
}

/** Takes both over. */
function addInto(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  const sum = tf.add<tf.Tensor2D>(a, b);
  tf.dispose([a, b]);
  return sum;
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
  const leave = roomFor(stream, context);
  const checks = eachGpu(() => createFiniteCheck(index));
  const underWay: { readonly until: Promise<unknown>; readonly done: number }[] = [];
  const awaitOldest = async (): Promise<void> => {
    const oldest = underWay.shift();
    await oldest?.until;
    if (oldest) onProgress?.(oldest.done);
  };
  try {
    await overWindows(stream, pass, async ({ x, gpu, from, done, attended }) => {
      const check = checks[gpu];
      const out = onGpu(gpu, () => {
        const result = decoderLayer(x, layer, index, context, { see, attended });
        check?.add(result);
        return result;
      });
      const { stays, written } = target.pass(from, out, leave);
      // What the device keeps reaches the host in its own time; only the computation must not run away.
      const until = stays && check ? check.computed() : written;
      // Awaited in its turn, or never where the work stops before.
      underWay.push({ until: beside(until), done });
      if (underWay.length === batchesInFlight()) await awaitOldest();
    });
    while (underWay.length > 0) await awaitOldest();
    for (const check of checks) await check.assert();
  } finally {
    for (const check of checks) check.dispose();
  }
}

/** Whether a layer's outputs are finite, told by one number at the end: no host looks at every value. */
export function createFiniteCheck(layer: number) {
  let magnitude = tf.scalar(0);
  return {
    add(x: tf.Tensor): void {
      const before = magnitude;
      // NaN and Inf stay in a sum of magnitudes. Of means: a long pass would overflow a sum of sums.
      magnitude = tf.tidy(() => tf.keep(tf.add<tf.Scalar>(before, tf.mean(tf.abs(x)))));
      before.dispose();
    },
    /** Resolves when all that was added so far is computed. */
    async computed(): Promise<void> {
      await magnitude.data();
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

interface Batch extends StreamBatch {
  /** Share of windows done with it, 0…1. */
  readonly done: number;
  /** What an earlier pass kept. */
  readonly attended: tf.Tensor2D | undefined;
  /** For a later pass, if there is room. */
  readonly keepAttended: (attended: tf.Tensor2D) => void;
}

async function overWindows(
  stream: StreamReader,
  { context, signal, last = false, attentionStays = false }: LayerPass,
  work: (batch: Batch) => Promise<void>,
): Promise<void> {
  const { windows } = stream.shape;
  const perBatch = batchOf(stream, context);
  const leave = roomFor(stream, context);
  await eachStreamed(stream, { perBatch, signal, leave, last }, async (batch) => {
    const { from, count } = batch;
    const attended = attentionStays ? stream.attended.get(from) : undefined;
    if (last) stream.attended.drop(from);
    const keepAttended = (made: tf.Tensor2D): void => {
      if (attentionStays && !attended && !last) stream.attended.keep(from, made, leave);
    };
    try {
      await work({ ...batch, attended, keepAttended, done: (from + count) / windows });
    } finally {
      attended?.dispose();
    }
  });
}

const roomFor = ({ shape: { seqLen } }: StreamReader, { config }: SequenceContext): number =>
  roomForLayer(config, seqLen);

const batchOf = ({ shape }: StreamReader, { config }: SequenceContext): number =>
  Math.min(shape.windows, windowsPerBatch({ seqLen: shape.seqLen, ...config.shape }));

const eachGpu = <T>(make: () => T): T[] =>
  Array.from({ length: gpuCount() }, (_, gpu) => onGpu(gpu, make));
