/**
 * Stretches of asynchronous work. Whatever one fails of (a full device, a full disk, a cancel), nothing of it stays:
 * neither a tensor, as after a failure within `tf.tidy`, nor work under way.
 *
 *     allOrNothing(async () => {
 *       const picture = beside(draw(matrix));      // goes on while the device is at the next
 *       const pruned = await prune(matrix);        // throws: the picture is waited for, all tensors go
 *       …
 *     });
 *
 * Where it ends well nothing is done: tensors belong to whom the code says, and leaks show. Stretches lie one in the
 * other and never side by side: TensorFlow.js does not know on whose behalf a tensor is made.
 */
import * as tf from "@tensorflow/tfjs-core";

/** Begun {@link beside} the innermost stretch, and not over. */
let underWay = new Set<Promise<unknown>>();

/**
 * @param work what it makes on the device, and does not dispose, is the caller's when it resolves, and gone when it
 *   rejects. Not so what `tf.keep` holds: that stays whoever's it is
 * @throws what `work` throws, once nothing that it began {@link beside} itself is under way
 */
export async function allOrNothing<T>(work: () => Promise<T>): Promise<T> {
  const engine = tf.engine();
  engine.startScope();
  const { track } = engine.state.activeScope;
  const outer = underWay;
  const begun = new Set<Promise<unknown>>();
  underWay = begun;
  try {
    return await work();
  } catch (error) {
    // What is waited for may begin more.
    while (begun.size > 0) await Promise.allSettled(begun);
    for (const tensor of track) tensor.dispose();
    throw error;
  } finally {
    underWay = outer;
    for (const other of begun) void beside(other);
    engine.endScope(track.filter((tensor) => !tensor.isDisposed));
  }
}

/**
 * For work that goes on while its caller does something else. Its failure is told to whoever waits for it; where nobody
 * comes to that, since something else failed first, {@link allOrNothing} waits.
 */
export function beside<T>(work: Promise<T>): Promise<T> {
  const list = underWay;
  const over = () => {
    list.delete(work);
  };
  list.add(work);
  work.then(over, over);
  return work;
}

/** `Promise.all`, each going on {@link beside} the others. */
export function together<T extends readonly unknown[] | []>(
  works: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  for (const work of works) if (work instanceof Promise) void beside(work);
  return Promise.all(works);
}
