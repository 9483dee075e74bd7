/** Products in full float32 where a device rounds their operands for speed. */
import * as tf from "@tensorflow/tfjs-core";

/** What a TensorFlow.js backend offers that does. */
export interface FullPrecision {
  /** Everything queued by `queue` is computed in full float32. */
  inFullPrecision<T>(queue: () => T): T;
}

/**
 * For checks, whose tolerance is float32's. On devices that always compute in float32 it changes nothing.
 *
 * @param queue synchronous: what it queues after an `await` is not meant
 */
export function inFullPrecision<T>(queue: () => T): T {
  const backend = tf.backend() as Partial<FullPrecision>;
  return backend.inFullPrecision === undefined ? queue() : backend.inFullPrecision(queue);
}
