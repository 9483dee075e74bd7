/** Accuracies of a multiple-choice task from the log-likelihoods of its choices. */
import { length } from "./python.ts";
import type { Item, Metric } from "./task.ts";

export interface Figure {
  /** Share of the items answered right, 0…1. */
  readonly value: number;
  /** Standard error of that mean; null for a single item, which tells nothing about spread. */
  readonly stderr: number | null;
}

/**
 * - `acc`: the right choice has the highest log-likelihood.
 * - `acc_norm`: … per character, Unicode code points as the harness's code counts them. Its documentation speaks of
 *   bytes; the two are the same for ASCII text.
 * - `acc_bytes`: … per byte of UTF-8.
 *
 * The first of equal ones wins.
 */
const LENGTHS: Readonly<Record<Metric, (choice: string) => number>> = {
  acc: () => 1,
  acc_norm: length,
  acc_bytes: (choice) => Buffer.byteLength(choice),
};

/** Whether the metric counts this item as answered right. */
export function isRight(metric: Metric, item: Item, logLikelihoods: readonly number[]): boolean {
  const scores = logLikelihoods.map((value, i) => value / LENGTHS[metric](item.choices[i] ?? ""));
  return scores.indexOf(Math.max(...scores)) === item.gold;
}

/** @param logLikelihoods nats, one list an item, one value a choice */
export function figure(
  metric: Metric,
  items: readonly Item[],
  logLikelihoods: readonly (readonly number[])[],
): Figure {
  const right = items.filter((item, i) => isRight(metric, item, logLikelihoods[i] ?? [])).length;
  const n = items.length;
  return { value: right / n, stderr: standardError(right, n) };
}

/** Sample standard deviation (n − 1) of `right` ones and `n − right` zeros, over √n. */
function standardError(right: number, n: number): number | null {
  if (n < 2) return null;
  const share = right / n;
  return Math.sqrt((share * (1 - share)) / (n - 1));
}
