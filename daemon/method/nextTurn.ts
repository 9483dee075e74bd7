/**
 * Lets pending events (cancel, messages, timers) run before going on. A resolved promise would not: on a backend
 * that computes synchronously, a loop of awaits never leaves the microtask queue.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
