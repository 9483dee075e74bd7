/**
 * Common ground of the method's tests: the plain `cpu` backend with synchronous reads forbidden (a GPU has none
 * worth using), seeded random layers, and float64 matrices as the independent reference.
 */
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { seededRandom } from "../../daemon/random.ts";
import {
  INPUT_KINDS,
  matrixShape,
  ROLES,
  type InputKind,
  type LayerShape,
  type Role,
} from "../../daemon/vocabulary.ts";
import {
  foldRotation,
  measure,
  type Hessians,
  type LayerFigures,
  type LayerMatrices,
  type LayerProblem,
  type Rotation,
} from "../../daemon/method/index.ts";

export type Matrix = readonly (readonly number[])[];

/** GQA, heads · headDim ≠ d, every input divisible by 4. */
export const SHAPE: LayerShape = { d: 8, heads: 4, kvHeads: 2, headDim: 3, ffn: 16 };

export async function useCpu(): Promise<void> {
  await tf.setBackend("cpu");
  await tf.ready();
  tf.Tensor.prototype.dataSync = () => {
    throw new Error("synchronous read");
  };
}

export const mul = (a: Matrix, b: Matrix): number[][] =>
  a.map((row) =>
    (b[0] ?? []).map((_, j) => row.reduce((sum, x, k) => sum + x * (b[k]?.[j] ?? NaN), 0)),
  );
export const transpose = (a: Matrix): number[][] =>
  (a[0] ?? []).map((_, j) => a.map((row) => row[j] ?? NaN));
export const map = (a: Matrix, f: (x: number, i: number, j: number) => number): number[][] =>
  a.map((row, i) => row.map((x, j) => f(x, i, j)));
export const identity = (n: number): number[][] =>
  Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => (i === j ? 1 : 0)));
export const flat = (a: Matrix): number[] => a.flat();

/** Block-diagonal, each block repeated `repeat` times in a row. */
export function blockDiagonal(blocks: readonly Matrix[], repeat = 1): number[][] {
  const all = blocks.flatMap((block) => Array.from({ length: repeat }, () => block));
  const size = blocks[0]?.length ?? 0;
  return Array.from({ length: all.length * size }, (_, i) =>
    Array.from({ length: all.length * size }, (_, j) =>
      Math.floor(i / size) === Math.floor(j / size)
        ? (all[Math.floor(i / size)]?.[i % size]?.[j % size] ?? NaN)
        : 0,
    ),
  );
}

/** Gauss–Jordan with pivoting. */
export function inverse(a: Matrix): number[][] {
  const n = a.length;
  const work = a.map((row, i) => [...row, ...(identity(n)[i] ?? [])]);
  for (let j = 0; j < n; j++) {
    let best = j;
    for (let i = j; i < n; i++) {
      if (Math.abs(work[i]?.[j] ?? 0) > Math.abs(work[best]?.[j] ?? 0)) best = i;
    }
    const pivotRow = work[best] ?? [];
    [work[j], work[best]] = [pivotRow, work[j] ?? []];
    const pivot = pivotRow[j] ?? NaN;
    work.forEach((row, i) => {
      const factor = i === j ? 0 : (row[j] ?? NaN) / pivot;
      row.forEach((x, k) => (row[k] = x - factor * (pivotRow[k] ?? NaN)));
    });
    pivotRow.forEach((x, k) => (pivotRow[k] = x / pivot));
  }
  return work.map((row) => row.slice(n));
}

/** U upper with A = UᵀU, float64. */
export function upperCholesky(a: number[][]): number[][] {
  const n = a.length;
  const u = identity(n).map((row) => row.map(() => 0));
  for (let i = 0; i < n; i++) {
    for (let j = i; j < n; j++) {
      let rest = a[i]?.[j] ?? NaN;
      for (let k = 0; k < i; k++) rest -= (u[k]?.[i] ?? NaN) * (u[k]?.[j] ?? NaN);
      const row = u[i] ?? [];
      row[j] = i === j ? Math.sqrt(rest) : rest / (row[i] ?? NaN);
    }
  }
  return u;
}

/** Gram–Schmidt on Gaussian columns. */
export function randomOrthogonal(n: number, seed: number): number[][] {
  const rows: number[][] = [];
  for (const row of randomMatrix(n, n, seed)) {
    let next = [...row];
    for (const known of rows) {
      const along = known.reduce((sum, x, k) => sum + x * (next[k] ?? NaN), 0);
      next = next.map((x, k) => x - along * (known[k] ?? NaN));
    }
    const norm = Math.hypot(...next);
    rows.push(next.map((x) => x / norm));
  }
  return rows;
}

/** Standard normal entries, already rounded to float32 so that tensors hold the same numbers. */
export function randomMatrix(rows: number, columns: number, seed: number): number[][] {
  const random = seededRandom(seed);
  return Array.from({ length: rows }, () =>
    Array.from({ length: columns }, () => Math.fround(random.normal())),
  );
}

/** `2/N XᵀX` of correlated inputs: full rank, but far from the identity. */
export function randomHessian(n: number, seed: number): number[][] {
  const x = mul(randomMatrix(3 * n, n, seed), randomMatrix(n, n, seed + 1));
  return map(mul(transpose(x), x), (v) => Math.fround((2 / 5) * v));
}

export interface ReferenceLayer {
  readonly matrices: Readonly<Record<Role, Matrix>>;
  readonly hessians: Readonly<Record<InputKind, Matrix>>;
}

export function randomLayer(shape: LayerShape, seed: number): ReferenceLayer {
  const inputs: Record<InputKind, number> = {
    qkv: shape.d,
    o: shape.heads * shape.headDim,
    mlp: shape.d,
    down: shape.ffn,
  };
  return {
    matrices: record(ROLES, (role, i) => randomMatrix(...matrixShape(role, shape), seed + i)),
    hessians: record(INPUT_KINDS, (kind, i) => randomHessian(inputs[kind], seed + 20 + 2 * i)),
  };
}

export interface ReferenceRotation {
  readonly r1: Matrix;
  readonly r2: readonly Matrix[];
}

export function randomRotation(shape: LayerShape, seed: number): ReferenceRotation {
  return {
    r1: randomOrthogonal(shape.d, seed),
    r2: Array.from({ length: shape.kvHeads }, (_, i) =>
      randomOrthogonal(shape.headDim, seed + 1 + i),
    ),
  };
}

export function record<K extends string, V>(
  keys: readonly K[],
  value: (key: K, index: number) => V,
): Record<K, V> {
  return Object.fromEntries(keys.map((key, i) => [key, value(key, i)])) as Record<K, V>;
}

export const tensor = (a: Matrix): tf.Tensor2D => tf.tensor2d(a.map((row) => [...row]));
export const toMatrices = (layer: ReferenceLayer): LayerMatrices =>
  record(ROLES, (role) => tensor(layer.matrices[role]));
export const toHessians = (layer: ReferenceLayer): Hessians =>
  record(INPUT_KINDS, (kind) => tensor(layer.hessians[kind]));
export const toRotation = ({ r1, r2 }: ReferenceRotation): Rotation => ({
  r1: tensor(r1),
  r2: tf.tensor3d(r2.map((block) => block.map((row) => [...row]))),
});

/** Figures of a problem's layer under a rotation. */
export async function measured(problem: LayerProblem, rotation: Rotation): Promise<LayerFigures> {
  const matrices = foldRotation(problem.matrices, rotation, problem.shape);
  const figures = measure({ ...problem, matrices }, rotation);
  tf.dispose(Object.values(matrices));
  return figures;
}

/** Rows of a 2-D tensor. */
export async function read(t: tf.Tensor): Promise<number[][]> {
  const values = Array.from(await t.data());
  const columns = t.shape[t.rank - 1] ?? 1;
  return Array.from({ length: values.length / columns }, (_, i) =>
    values.slice(i * columns, (i + 1) * columns),
  );
}

/** Largest difference over the largest magnitude expected. */
export function relativeError(actual: Matrix, expected: Matrix): number {
  const [a, e] = [flat(actual), flat(expected)];
  if (a.length !== e.length) return Infinity;
  const scale = Math.max(...e.map(Math.abs), Number.MIN_VALUE);
  return Math.max(...a.map((x, i) => Math.abs(x - (e[i] ?? NaN)))) / scale;
}

/** `max |RᵀR − I|` over the blocks of `[n, n]` or `[blocks, n, n]`. */
export async function orthogonalityError(r: tf.Tensor): Promise<number> {
  const rows = await read(r);
  const n = r.shape[r.rank - 1] ?? 0;
  const blocks = Array.from({ length: rows.length / n }, (_, b) => rows.slice(b * n, (b + 1) * n));
  return Math.max(
    ...blocks.flatMap((block) =>
      flat(map(mul(transpose(block), block), (x, i, j) => Math.abs(x - (i === j ? 1 : 0)))),
    ),
  );
}
