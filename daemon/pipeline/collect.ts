/** Running calibration windows through one layer: to see the inputs of its matrices, or to pass the stream on. */
import * as tf from "@tensorflow/tfjs-core";
import {
  batchesInFlight,
  gpuCount,
  hostArray,
  onGpu,
  readInto,
  type HostArray,
} from "../backend/index.ts";
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
  const create = () =>
    kinds.map((kind) => [kind, createAccumulator(inputSize(kind, shape), windows)] as const);
  const sums = eachGpu(() => new Map<K, HessianAccumulator>(create()));
  const stopAfter = INPUT_KINDS.findLast((kind) => kinds.includes(kind as K));
  // A device that is handed batch after batch would hold them all.
  const underWay: Promise<void>[] = [];
  try {
    await overWindows(stream, pass, async ({ x, gpu, done }) => {
      const own = sums[gpu];
      const see = (kind: InputKind, input: tf.Tensor2D) => own?.get(kind as K)?.add(input);
      const computed = onGpu(gpu, () => {
        decoderLayer(x, layer, index, context, { see, stopAfter }).dispose();
        return stopAfter && own?.get(stopAfter as K)?.computed();
      });
      // Awaited in its turn, or never where the work stops before.
      computed?.catch(() => undefined);
      underWay.push(computed ?? Promise.resolve());
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
  const { seqLen, d } = stream.shape;
  const checks = eachGpu(() => createFiniteCheck(index));
  const inFlight = batchesInFlight();
  const arrays: HostArray[] = [];
  const underWay: Passed[] = [];
  const passOn = async (oldest: Passed | undefined): Promise<void> => {
    if (oldest === undefined) return;
    await oldest.read;
    oldest.out.dispose();
    await target.write(oldest.from, oldest.values);
    onProgress?.(oldest.done);
  };
  let started = 0;
  try {
    // One more than are under way: the oldest is still being written.
    for (let i = 0; i <= inFlight; i++) {
      arrays.push(hostArray(batchOf(stream, context) * seqLen * d));
    }
    await overWindows(stream, pass, async ({ x, gpu, from, done }) => {
      const out = onGpu(gpu, () => {
        const result = decoderLayer(x, layer, index, context, { see });
        checks[gpu]?.add(result);
        return result;
      });
      const values = arrays[started++ % arrays.length]?.values.subarray(0, out.size);
      if (!values) throw new RangeError("there is an array for every batch under way");
      const read = readInto(out, values);
      // Awaited in its turn, or never where the work stops before.
      read.catch(() => undefined);
      underWay.push({ out, values, read, from, done });
      if (underWay.length === inFlight) await passOn(underWay.shift());
    });
    while (underWay.length > 0) await passOn(underWay.shift());
    for (const check of checks) await check.assert();
  } finally {
    // Nothing is given back under a copy or a write.
    await Promise.allSettled([...underWay.map(({ read }) => read), target.written()]);
    for (const { out } of underWay) out.dispose();
    for (const array of arrays) array.release();
    for (const check of checks) check.dispose();
  }
}

/** A batch's result on its way to the host. */
interface Passed {
  readonly out: tf.Tensor3D;
  readonly values: Float32Array;
  /** `values` are there. */
  readonly read: Promise<void>;
  readonly from: number;
  readonly done: number;
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

interface Batch {
  /** `[windows, T, d]`, on its GPU. */
  readonly x: tf.Tensor3D;
  /** Which GPU computes it. */
  readonly gpu: number;
  /** Its first window. */
  readonly from: number;
  /** Share of windows done with it, 0…1. */
  readonly done: number;
}

/** Batches go to the GPUs in turn. */
async function overWindows(
  stream: StreamReader,
  { context, signal }: LayerPass,
  work: (batch: Batch) => Promise<void>,
): Promise<void> {
  const { windows, seqLen, d } = stream.shape;
  const perBatch = batchOf(stream, context);
  await eachStreamed(stream, perBatch, signal, async (values, from, count) => {
    const gpu = (from / perBatch) % gpuCount();
    const x = onGpu(gpu, () => tf.tensor3d(values, [count, seqLen, d]));
    try {
      await work({ x, gpu, from, done: (from + count) / windows });
    } finally {
      x.dispose();
    }
  });
}

const batchOf = ({ shape }: StreamReader, { config }: SequenceContext): number =>
  Math.min(shape.windows, windowsPerBatch({ seqLen: shape.seqLen, ...config.shape }));

const eachGpu = <T>(make: () => T): T[] =>
  Array.from({ length: gpuCount() }, (_, gpu) => onGpu(gpu, make));
