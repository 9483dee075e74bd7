/** Memory that a backend keeps of freed tensors, to use it again. */
import * as tf from "@tensorflow/tfjs-core";

/** What a TensorFlow.js backend offers that keeps some, in the host's memory. */
export interface SpareMemory {
  releaseSpare(): void;
}

/** Gives it back to the system: for where one kind of work ends, and the next needs less of it, or other memory. */
export function releaseSpare(): void {
  const backend = tf.backend() as Partial<SpareMemory>;
  backend.releaseSpare?.();
}
