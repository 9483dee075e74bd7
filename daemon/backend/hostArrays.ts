/**
 * Arrays on the host that are filled again and again on the way to the device and back. Where a device copies from
 * page-locked memory by itself they lie there: no copy in between, and no fresh memory for each.
 */
import * as tf from "@tensorflow/tfjs-core";

export interface HostArray {
  readonly values: Float32Array;
  /** It must not be touched after this. */
  release(): void;
}

/** What a TensorFlow.js backend offers that copies by itself. */
export interface HostMemory {
  hostArray(elements: number): HostArray;
  uploaded(): Promise<void>;
  readInto(dataId: tf.DataId, target: Float32Array): Promise<void>;
}

const backend = (): Partial<HostMemory> => tf.backend() as Partial<HostMemory>;

export function hostArray(elements: number): HostArray {
  const make = backend().hostArray;
  if (make !== undefined) return make.call(tf.backend(), elements);
  return { values: new Float32Array(elements), release: () => undefined };
}

/**
 * Resolves when the tensors made of host arrays so far no longer need them. An array may be filled again then, once
 * those tensors are disposed: some devices look at it as long as they live.
 */
export async function uploaded(): Promise<void> {
  await backend().uploaded?.call(tf.backend());
}

/** The values of `x`, into an array that is there already; straight into a {@link hostArray}. */
export async function readInto(x: tf.Tensor, target: Float32Array): Promise<void> {
  tf.util.assert(
    x.dtype === "float32" && x.size === target.length,
    () => `${x.dtype} [${x.shape.join()}] does not fit an array of ${target.length}`,
  );
  const read = backend().readInto;
  if (read !== undefined) await read.call(tf.backend(), x.dataId, target);
  else target.set(await x.data<"float32">());
}
