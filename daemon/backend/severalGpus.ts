/** Several GPUs on one run: which of them computes what is queued. */
import * as tf from "@tensorflow/tfjs-core";

/** What a TensorFlow.js backend offers that has several. */
export interface SeveralGpus {
  readonly gpuCount: number;
  /** What `queue` queues is computed on that GPU; its results stay there until another asks for them. */
  onGpu<T>(index: number, queue: () => T): T;
  /** From now on the tensor's data lies on that GPU alone, until another asks for it. */
  placeOn(index: number, dataId: tf.DataId): void;
  /** Bytes a second from one to another, of the slowest link between the first and another. */
  readonly linkRate: number;
}

/** How many parts of the work can be computed at the same time. 1 where there is one device. */
export const gpuCount = (): number => (tf.backend() as Partial<SeveralGpus>).gpuCount ?? 1;

/** Bytes a second from one GPU to another, a cautious value by the kind of their link. 0 where there is one device. */
export const gpuLinkRate = (): number => (tf.backend() as Partial<SeveralGpus>).linkRate ?? 0;

/**
 * How many batches to have under way so that no device waits: two a GPU, one computed while the other's result is copied
 * to the host. 1 where the host itself computes.
 */
export function batchesInFlight(): number {
  const { gpuCount: gpus } = tf.backend() as Partial<SeveralGpus>;
  return gpus === undefined ? 1 : 2 * gpus;
}

/**
 * Runs `queue` on GPU `index` (modulo their number): the same results wherever it runs, up to the order of sums that
 * are made from them.
 *
 * @param queue synchronous: what it queues after an `await` is not meant
 */
export function onGpu<T>(index: number, queue: () => T): T {
  const backend = tf.backend() as Partial<SeveralGpus>;
  const count = backend.gpuCount ?? 1;
  return backend.onGpu === undefined ? queue() : backend.onGpu(index % count, queue);
}

/** Moves a tensor's data to GPU `index` (modulo their number), where it will be needed from now on. */
export function placeOn(index: number, tensor: tf.Tensor): void {
  const backend = tf.backend() as Partial<SeveralGpus>;
  backend.placeOn?.(index % gpuCount(), tensor.dataId);
}
