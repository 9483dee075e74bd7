/**
 * Tensors that stay on a device because it has room, of data that the host has too: a later pass over the same data
 * need not bring it there again. They go, silently, when their room is needed. Where the device's memory is the
 * host's own nothing is kept: there the operating system's cache of files is that already.
 */
import * as tf from "@tensorflow/tfjs-core";

/** What a TensorFlow.js backend offers whose memory is its own. */
export interface KeepsTensors {
  /**
   * Counts a tensor among those that may go: where memory is short and nobody else refers to it, `giveUp` is called,
   * which must dispose it.
   *
   * @param leave bytes that must remain for the work itself, on the tensor's GPU
   * @returns ends that; undefined where there is not so much room
   */
  keepWhileRoom(dataId: tf.DataId, leave: number, giveUp: () => void): (() => void) | undefined;
}

const backend = (): Partial<KeepsTensors> => tf.backend() as Partial<KeepsTensors>;

/**
 * Whether the device has memory of its own and computes by itself: whether it pays to prepare on the host, in the
 * host's memory, what the device will ask for next.
 */
export const hasOwnMemory = (): boolean => backend().keepWhileRoom !== undefined;

export class ResidentTensors<T extends tf.Tensor> {
  private readonly held = new Map<number, { readonly tensor: T; readonly end: () => void }>();

  /** Whether something is kept under `key` now. */
  has(key: number): boolean {
    return this.held.has(key);
  }

  /** The tensor once more, to be disposed by the caller; undefined where it was never kept, or is gone. */
  get(key: number): T | undefined {
    return this.held.get(key)?.tensor.clone();
  }

  /**
   * Keeps `x` under `key` if there is room; the caller's `x` stays his.
   *
   * @param leave bytes that the work itself needs
   * @returns whether it is kept
   */
  keep(key: number, x: T, leave: number): boolean {
    const { keepWhileRoom } = backend();
    if (keepWhileRoom === undefined) return false;
    this.drop(key);
    const end = keepWhileRoom.call(tf.backend(), x.dataId, leave, () => {
      this.drop(key);
    });
    if (end === undefined) return false;
    this.held.set(key, { tensor: tf.keep(x.clone()), end });
    return true;
  }

  drop(key: number): void {
    const kept = this.held.get(key);
    this.held.delete(key);
    kept?.end();
    kept?.tensor.dispose();
  }

  dispose(): void {
    for (const key of [...this.held.keys()]) this.drop(key);
  }
}
