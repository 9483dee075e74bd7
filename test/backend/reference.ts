/** The four fused kernels and the matrix product again, in float64 and as plainly as they can be written. */
import type { BlockSelection, Selection } from "../../daemon/backend/index.ts";

/** Row-major matrix. */
export interface Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly values: readonly number[];
}

export function matrix(rows: number, cols: number, at: (i: number, j: number) => number): Matrix {
  const values = Array.from({ length: rows * cols }, (_, k) => at(Math.floor(k / cols), k % cols));
  // What float32 holds, so that both sides start from the same numbers.
  return { rows, cols, values: [...Float32Array.from(values)] };
}

export function at(m: Matrix, i: number, j: number): number {
  const value = m.values[i * m.cols + j];
  if (value === undefined) throw new RangeError(`(${i}, ${j}) in ${m.rows} × ${m.cols}`);
  return value;
}

export function transpose(m: Matrix): Matrix {
  return matrix(m.cols, m.rows, (i, j) => at(m, j, i));
}

export function product(a: Matrix, b: Matrix): number[] {
  const out: number[] = [];
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < b.cols; j++) {
      let sum = 0;
      for (let k = 0; k < a.cols; k++) sum += at(a, i, k) * at(b, k, j);
      out.push(sum);
    }
  }
  return out;
}

const xLogX = (x: number): number => (x > 0 ? x * Math.log(x) : 0);

export function entropy(w: Matrix, c: readonly number[], axis: 0 | 1): number {
  const lines = axis === 1 ? importanceRows(w, c) : importanceColumns(w, c);
  let total = 0;
  for (const line of lines) {
    const sum = line.reduce((a, b) => a + b, 0);
    if (sum > 0) for (const s of line) total -= xLogX(s / sum);
  }
  return total;
}

function importanceRows(w: Matrix, c: readonly number[]): number[][] {
  return Array.from({ length: w.rows }, (_, i) =>
    Array.from({ length: w.cols }, (_, j) => at(w, i, j) ** 2 * (c[j] ?? NaN)),
  );
}

function importanceColumns(w: Matrix, c: readonly number[]): number[][] {
  const rows = importanceRows(w, c);
  return Array.from({ length: w.cols }, (_, j) => rows.map((row) => row[j] ?? NaN));
}

/** Pruned share of each row's importance, for a mask in 0 … 1 that is given. */
export function prunedShare(w: Matrix, c: readonly number[], mask: readonly number[]): number {
  let total = 0;
  importanceRows(w, c).forEach((row, i) => {
    const sum = row.reduce((a, b) => a + b, 0);
    const lost = row.reduce((a, s, j) => a + (mask[i * w.cols + j] ?? NaN) * s, 0);
    if (sum > 0) total += lost / sum;
  });
  return total;
}

export function importance(w: Matrix, c: readonly number[]): Matrix {
  return matrix(w.rows, w.cols, (i, j) => at(w, i, j) ** 2 * (c[j] ?? NaN));
}

/** By sorting, stable: of equal scores the left column first. */
export function lowestMask(scores: Matrix, select: Selection): boolean[] {
  const mask = scores.values.map(() => false);
  const [width, count] =
    select.kind === "nm" ? [select.of, select.of - select.keep] : [scores.cols, select.count];
  for (let start = 0; start < mask.length; start += width) {
    Array.from({ length: width }, (_, k) => start + k)
      .sort((a, b) => (scores.values[a] ?? 0) - (scores.values[b] ?? 0) || a - b)
      .slice(0, count)
      .forEach((k) => (mask[k] = true));
  }
  return mask;
}

/** Around the geometric mean of the two scores at the border of the choice, by sorting. */
export function softMask(scores: Matrix, select: Selection, temperature: number): number[] {
  const [width, count] =
    select.kind === "nm" ? [select.of, select.of - select.keep] : [scores.cols, select.count];
  const logs = scores.values.map((s) => Math.log(s + 1e-30));
  return logs.map((log, k) => {
    const start = k - (k % width);
    const sorted = logs.slice(start, start + width).sort((a, b) => a - b);
    const threshold = ((sorted[count - 1] ?? NaN) + (sorted[count] ?? NaN)) / 2;
    return 1 / (1 + Math.exp((log - threshold) / temperature));
  });
}

/** ∂f/∂x_k by central differences in float64: good to about 1e-9. */
export function slope(
  f: (x: readonly number[]) => number,
  x: readonly number[],
  k: number,
): number {
  const value = x[k] ?? NaN;
  const step = 1e-5 * Math.max(1, Math.abs(value));
  const shifted = (by: number): number => f(x.with(k, value + by));
  return (shifted(step) - shifted(-step)) / (2 * step);
}

/** SparseGPT's inner loop, one row and one column at a time. */
export function sparsegpt(
  w: Matrix,
  u: Matrix,
  select: Exclude<BlockSelection, { kind: "mask" }> | { kind: "mask"; mask: readonly boolean[] },
): { weights: number[]; errors: number[] } {
  const weights = [...w.values];
  const errors = weights.map(() => 0);
  for (let row = 0; row < w.rows; row++) {
    const x = weights.slice(row * w.cols, (row + 1) * w.cols);
    const pruned = x.map(() => false);
    for (let i = 0; i < w.cols; i++) {
      if (select.kind === "mask") pruned[i] = select.mask[row * w.cols + i] === true;
      else if (i % select.of === 0) {
        const scores = matrix(
          1,
          select.of,
          (_, k) => ((x[i + k] ?? NaN) / at(u, i + k, i + k)) ** 2,
        );
        lowestMask(scores, select).forEach((chosen, k) => (pruned[i + k] = chosen));
      }
      if (!pruned[i]) continue;
      const error = (x[i] ?? NaN) / at(u, i, i);
      errors[row * w.cols + i] = error;
      for (let k = i; k < w.cols; k++) x[k] = (x[k] ?? NaN) - error * at(u, i, k);
      x[i] = 0;
    }
    x.forEach((value, i) => (weights[row * w.cols + i] = value));
  }
  return { weights, errors };
}
