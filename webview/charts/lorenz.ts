/** The Lorenz curve of importance, from its histogram: how much of the total the smallest weights hold. */
import type { Histogram } from "../../daemon/report.ts";

export interface LorenzPoint {
  /** Share of the weights, smallest first, 0…1. */
  readonly weights: number;
  /** Share of the importance they hold, 0…1. */
  readonly importance: number;
}

export interface Lorenz {
  /** From (0, 0) to (1, 1), convex, one point for each bin edge. Empty for an empty histogram. */
  readonly points: readonly LorenzPoint[];
  /** Gini coefficient: 0 when all weights matter the same, towards 1 when few hold everything. */
  readonly gini: number;
}

/**
 * Weights are taken as spread evenly within a bin on the log axis, so their mean importance is
 * `(10^b − 10^a) / ((b − a) ln 10)` for a bin from a to b. Relative to the top edge, to stay in range.
 */
export function lorenz(histogram: Histogram): Lorenz {
  const { min, max, kept, pruned } = histogram;
  const bins = kept.length;
  const width = (max - min) / bins;
  const weights: number[] = [];
  const importance: number[] = [];
  for (let i = 0; i < bins; i++) {
    const n = (kept[i] ?? 0) + (pruned[i] ?? 0);
    const low = min + i * width - max;
    const mean = width > 0 ? (10 ** (low + width) - 10 ** low) / (width * Math.LN10) : 1;
    weights.push(n);
    importance.push(n * mean);
  }
  const totalWeights = sum(weights);
  const totalImportance = sum(importance);
  if (totalWeights === 0 || totalImportance === 0) return { points: [], gini: 0 };

  const points: LorenzPoint[] = [{ weights: 0, importance: 0 }];
  let w = 0;
  let s = 0;
  let doubleArea = 0;
  for (let i = 0; i < bins; i++) {
    const dw = (weights[i] ?? 0) / totalWeights;
    if (dw === 0) continue;
    const ds = (importance[i] ?? 0) / totalImportance;
    doubleArea += dw * (2 * s + ds);
    w += dw;
    s += ds;
    points.push({ weights: w, importance: s });
  }
  return { points, gini: 1 - doubleArea };
}

/** Share of the importance held by the smallest `share` of the weights; linear between the points. */
export function heldBySmallest(curve: Lorenz, share: number): number {
  const { points } = curve;
  for (let i = 1; i < points.length; i++) {
    const a = points[i - 1];
    const b = points[i];
    if (a === undefined || b === undefined || share > b.weights) continue;
    const t = (share - a.weights) / (b.weights - a.weights);
    return a.importance + t * (b.importance - a.importance);
  }
  return points.length === 0 ? 0 : 1;
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
