/** Giving back in several steps: one that fails does not keep the others from theirs. */

/** @throws what the first failing step threw, when all were taken */
export function everyStep(steps: readonly (() => void)[]): void {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
