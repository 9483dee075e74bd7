/**
 * The fused kernels of the `cuda` backend beyond what the laws of every device ask: rows as wide as a model's, more
 * rows than blocks, groups of any size, and the kernels that only this backend has; against float64 references.
 */
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/register_all_gradients.js";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { causalAttention as attentionKernel } from "../../../daemon/backend/cuda/fused/decoder.ts";
import type { CudaBackend } from "../../../daemon/backend/cuda/runtime.ts";
import {
  addGram,
  addProduct,
  adamDirection,
  addScaledColumns,
  applyRope,
  causalAttention,
  columnDots,
  entropyObjective,
  exactProduct,
  hasInverseFactor,
  move,
  nativeInverseFactor,
  openBackend,
  orthonormalised,
  prunedMassObjective,
  rmsNorm,
  searchProduct,
  selectLowest,
  sparsegptBlock,
  swiglu,
  targetLikelihood,
  type Backend,
  type ObjectiveValue,
} from "../../../daemon/backend/index.ts";
import { dampedFactor, pruneSparseGpt } from "../../../daemon/method/index.ts";
import type { Pattern } from "../../../daemon/vocabulary.ts";
import {
  expectClose,
  normals,
  positives,
  random,
  tensor2d,
  upper,
  valuesOf,
} from "../laws/numbers.ts";
import * as reference from "../reference.ts";
import { matrix, type Matrix } from "../reference.ts";
import { testGpu } from "./testGpu.ts";

const gpu = await testGpu();

describe.skipIf(gpu.kind === "none")(gpu.name, () => {
  let device: Backend;
  beforeAll(async () => {
    device = await openBackend("cuda", { precision: "f32" });
  });
  afterAll(() => device.dispose());
  // Memory that is used again holds NaN, so that what a kernel leaves out shows.
  beforeEach(() => {
    for (const size of [1, 64, 4096, 1 << 16, 1 << 20]) tf.fill([size], NaN).dispose();
  });

  describe("objectives", objectiveTests);
  describe("selection", selectionTests);
  describe("SparseGPT", sparsegptTests);
  describe("inverse factor", factorTests);
  describe("products", productTests);
  describe("columns", columnTests);
  describe("optimizer", optimizerTests);
  describe("decoder", decoderTests);
});

describe.skipIf(gpu.kind === "none").each(["tf32", "bf16"] as const)(
  `products in %s, ${gpu.name}`,
  (precision) => {
    let device: Backend;
    beforeAll(async () => {
      device = await openBackend("cuda", { precision });
    });
    afterAll(() => device.dispose());
    roundingTests(precision);
  },
);

const WIDE: readonly [rows: number, cols: number][] = [
  [3, 1028],
  [45, 1030],
  [2, 4097],
  [2, 16400],
];

function objectiveTests(): void {
  for (const axis of [0, 1] as const) {
    test.each(WIDE)(`entropy along ${axis}, %i × %i`, async (rows, cols) => {
      const [w, c] = [normals(rows, cols), positives(cols)];
      const value = tf.tidy(() => entropyObjective(tensor2d(w), tf.tensor1d(c), axis));
      await expectGradients(value, w, c, entropyGradients(w, c, axis));
    });
  }

  const patterns: readonly Pattern[] = [
    { kind: "nm", keep: 2, of: 4 },
    { kind: "nm", keep: 1, of: 2 },
    { kind: "nm", keep: 5, of: 8 },
    { kind: "nm", keep: 7, of: 16 },
    { kind: "unstructured", share: 0.6 },
  ];
  for (const pattern of patterns) {
    for (const temperature of [0, 0.3]) {
      const name = pattern.kind === "nm" ? `${pattern.keep}:${pattern.of}` : `${pattern.share}`;
      const shapes: [number, number][] = [[45, 1040]];
      if (temperature > 0) shapes.push([1, 16400]);
      if (pattern.kind === "unstructured") shapes.push([2, 1027]);
      test.each(shapes)(`pruned mass ${name} at ${temperature}, %i × %i`, async (rows, cols) => {
        const [w, c] = [normals(rows, cols), positives(cols)];
        const value = tf.tidy(() =>
          prunedMassObjective(tensor2d(w), tf.tensor1d(c), pattern, temperature),
        );
        await expectGradients(value, w, c, massGradients(w, c, pattern, temperature));
      });
    }
  }

  test("of equal weights of a wide row the left go", async () => {
    const cols = 4100;
    const w = matrix(2, cols, (i, j) => (i === 0 ? 1 : 1 + (j % 3)));
    const c = Array<number>(cols).fill(1);
    const pattern: Pattern = { kind: "unstructured", share: 0.5 };
    const value = tf.tidy(() => prunedMassObjective(tensor2d(w), tf.tensor1d(c), pattern));
    await expectGradients(value, w, c, massGradients(w, c, pattern, 0));
  });

  test("every run gives the same bytes", async () => {
    const [w, c] = [tensor2d(normals(45, 1030)), tf.tensor1d(positives(1030))];
    const run = async (): Promise<number[][]> => {
      const values = [
        entropyObjective(w, c, 0),
        entropyObjective(w, c, 1),
        prunedMassObjective(w, c, { kind: "unstructured", share: 0.5 }, 1),
      ].flatMap(({ loss, gradW, gradC }) => [loss, gradW, gradC]);
      return Promise.all(values.map(valuesOf));
    };
    expect(await run()).toEqual(await run());
    tf.dispose([w, c]);
  });
}

interface Gradients {
  readonly loss: number;
  /** ∂/∂s, `[rows · cols]` */
  readonly gradS: Float64Array;
}

async function expectGradients(
  { loss, gradW, gradC }: ObjectiveValue,
  w: Matrix,
  c: readonly number[],
  wanted: Gradients,
): Promise<void> {
  expectClose(await valuesOf(loss), [wanted.loss]);
  const { cols, values } = w;
  const factor = (k: number): number => c[k % cols] ?? NaN;
  expectClose(
    await valuesOf(gradW),
    values.map((x, k) => 2 * x * factor(k) * (wanted.gradS[k] ?? NaN)),
    1e-4,
  );
  const ofC = c.map(() => 0);
  values.forEach((x, k) => {
    ofC[k % cols] = (ofC[k % cols] ?? NaN) + x * x * (wanted.gradS[k] ?? NaN);
  });
  expectClose(await valuesOf(gradC), ofC, 1e-4);
}

/** The closed form of fused/entropy.ts in float64; the laws have shown it to be the gradient. */
function entropyGradients(w: Matrix, c: readonly number[], axis: 0 | 1): Gradients {
  const line = (k: number): number => (axis === 1 ? Math.floor(k / w.cols) : k % w.cols);
  const s = w.values.map((x, k) => x * x * (c[k % w.cols] ?? NaN));
  const lines = axis === 1 ? w.rows : w.cols;
  const sums = new Float64Array(lines);
  s.forEach((x, k) => (sums[line(k)] = (sums[line(k)] ?? NaN) + x));
  const entropies = new Float64Array(lines);
  const p = s.map((x, k) => x / (sums[line(k)] ?? NaN));
  p.forEach((x, k) => {
    if (x > 0) entropies[line(k)] = (entropies[line(k)] ?? NaN) - x * Math.log(x);
  });
  const gradS = Float64Array.from(p, (x, k) =>
    x > 0 ? -(Math.log(x) + (entropies[line(k)] ?? NaN)) / (sums[line(k)] ?? NaN) : 0,
  );
  // c cancels along columns: what is asked for w does not pass through it.
  return {
    loss: entropies.reduce((a, b) => a + b, 0),
    gradS: axis === 1 ? gradS : withoutC(gradS, w, c),
  };
}

/** ∂/∂c sums to nothing down a column; made exactly so, since float64 leaves a rest. */
function withoutC(gradS: Float64Array, w: Matrix, c: readonly number[]): Float64Array {
  for (let j = 0; j < w.cols; j++) {
    let rest = 0;
    for (let i = 0; i < w.rows; i++) {
      const k = i * w.cols + j;
      rest += (w.values[k] ?? NaN) ** 2 * (gradS[k] ?? NaN);
    }
    expect(Math.abs(rest)).toBeLessThan(1e-9 / (c[j] ?? NaN));
  }
  return gradS;
}

function massGradients(
  w: Matrix,
  c: readonly number[],
  pattern: Pattern,
  temperature: number,
): Gradients {
  const select =
    pattern.kind === "nm"
      ? pattern
      : ({ kind: "count", count: Math.floor(pattern.share * w.cols) } as const);
  const s = reference.importance(w, c);
  const mask = softMask(s, select, temperature);
  const gradS = new Float64Array(s.values.length);
  let loss = 0;
  for (let i = 0; i < w.rows; i++) {
    let sum = 0;
    let lost = 0;
    for (let k = i * w.cols; k < (i + 1) * w.cols; k++) {
      sum += s.values[k] ?? NaN;
      lost += (mask[k] ?? NaN) * (s.values[k] ?? NaN);
    }
    loss += lost / sum;
    for (let k = i * w.cols; k < (i + 1) * w.cols; k++) {
      gradS[k] = ((mask[k] ?? NaN) - lost / sum) / sum;
    }
  }
  return { loss, gradS };
}

/** As the reference of the laws, whose sorting for every entry is too slow for wide rows. */
function softMask(
  s: Matrix,
  select: Parameters<typeof reference.lowestMask>[1],
  temperature: number,
): number[] {
  const hard = reference.lowestMask(s, select);
  if (temperature === 0) return hard.map(Number);
  const width = select.kind === "nm" ? select.of : s.cols;
  const logs = s.values.map((x) => Math.log(x + 1e-30));
  const mask: number[] = [];
  for (let start = 0; start < logs.length; start += width) {
    let [low, high] = [-Infinity, Infinity];
    for (let k = start; k < start + width; k++) {
      if (hard[k]) low = Math.max(low, logs[k] ?? NaN);
      else high = Math.min(high, logs[k] ?? NaN);
    }
    for (let k = start; k < start + width; k++) {
      mask.push(1 / (1 + Math.exp(((logs[k] ?? NaN) - (low + high) / 2) / temperature)));
    }
  }
  return mask;
}

function selectionTests(): void {
  test.each([
    ["distinct scores", 1, 131_073, (): number => random.next()],
    ["many ties", 1, 131_072, (): number => Math.floor(4 * random.next())],
    ["all equal", 1, 131_072, (): number => 1],
    ["wide rows with ties", 2, 3000, (): number => Math.floor(9 * random.next())],
  ] as const)("%s: %i × %i", async (_, rows, cols, value) => {
    const scores = matrix(rows, cols, value);
    for (const count of [1, Math.floor(cols / 3)]) {
      const select = { kind: "count", count } as const;
      const mask = tf.tidy(() => selectLowest(tensor2d(scores), select));
      const actual = await valuesOf(mask);
      const wanted = reference.lowestMask(scores, select);
      expect(actual.findIndex((x, k) => x !== Number(wanted[k]))).toBe(-1);
      expect(actual.length).toBe(rows * cols);
    }
  });
}

function sparsegptTests(): void {
  test.each([
    [7, 128, 2, 4],
    [3, 200, 2, 4],
    [9, 132, 5, 12],
    [2, 320, 60, 160],
    // More columns than a lane could mark in 32 bits, and parts that end within a group.
    [1, 1040, 500, 1040],
  ])("%i × %i, keeping %i of %i", async (rows, b, keep, of) => {
    const [w, u] = [normals(rows, b), gentle(b)];
    const select = { kind: "nm", keep, of } as const;
    const block = tf.tidy(() => sparsegptBlock(tensor2d(w), tensor2d(u), select));
    const wanted = reference.sparsegpt(w, u, select);
    const weights = await valuesOf(block.weights);
    expect(weights.map((x) => x === 0)).toEqual(wanted.weights.map((x) => x === 0));
    expectClose(weights, wanted.weights, 1e-4);
    expectClose(await valuesOf(block.errors), wanted.errors, 1e-4);
  });

  test("of equal scores in a wide group the left go", async () => {
    const [rows, b] = [2, 260];
    const w = matrix(rows, b, (i, j) => (i === 0 ? 1 : 1 + (j % 3)));
    const u = matrix(b, b, (i, j) => Number(i === j));
    const select = { kind: "nm", keep: 57, of: 130 } as const;
    const block = tf.tidy(() => sparsegptBlock(tensor2d(w), tensor2d(u), select));
    const wanted = reference.sparsegpt(w, u, select).weights;
    expect(await valuesOf(block.weights)).toEqual([...wanted]);
  });

  test.each([
    [20, 96],
    [5, 130],
    [2, 300],
  ])("%i × %i with a mask", async (rows, b) => {
    const [w, u] = [normals(rows, b), gentle(b)];
    const mask = w.values.map(() => random.next() < 0.5);
    const block = tf.tidy(() => {
      const chosen = tf.tensor2d(mask, [rows, b], "bool");
      return sparsegptBlock(tensor2d(w), tensor2d(u), { kind: "mask", mask: chosen });
    });
    const wanted = reference.sparsegpt(w, u, { kind: "mask", mask });
    expectClose(await valuesOf(block.weights), wanted.weights, 1e-4);
    expectClose(await valuesOf(block.errors), wanted.errors, 1e-4);
  });
}

/** As the factor of a damped inverse: what a column leaves to the others does not grow along a wide block. */
function gentle(b: number): Matrix {
  const u = upper(b);
  return matrix(b, b, (i, j) => reference.at(u, i, j) * (i === j ? 1 : 1 / Math.sqrt(b)));
}

function factorTests(): void {
  test.each([1, 5, 64, 65, 200])("n = %i: UᵀU is the inverse", async (n) => {
    expect(hasInverseFactor()).toBe(true);
    const x = normals(2 * n + 3, n);
    const gram = reference.product(reference.transpose(x), x);
    const a = matrix(n, n, (i, j) => gram[i * n + j] ?? NaN);
    const shift = positives(n);
    const h = tensor2d(a);
    const factor = await nativeInverseFactor(h, shift);
    expect(factor).toBeDefined();
    if (!factor) return;
    const u = matrixOf(await valuesOf(factor), n);
    h.dispose();
    u.values.forEach((value, k) => {
      if (Math.floor(k / n) > k % n) expect(value).toBe(0);
    });
    // (A + shift) UᵀU = I
    const inverse = matrixOf(reference.product(reference.transpose(u), u), n);
    const shifted = matrix(
      n,
      n,
      (i, j) => reference.at(a, i, j) + (i === j ? (shift[i] ?? NaN) : 0),
    );
    expectClose(reference.product(shifted, inverse), identity(n).values, 2e-4);
  });

  test.each([5, 200, 700])(
    "n = %i: the same factor in the memory of one handed over",
    async (n) => {
      const a = matrix(n, n, (i, j) => (i === j ? 2 + i / n : Math.cos(i + j) / n));
      const [kept, handed] = [tensor2d(a), tensor2d(a)];
      const shift = positives(n);
      const [expected, factor] = [
        await nativeInverseFactor(kept, shift),
        await nativeInverseFactor(handed, shift, true),
      ];
      if (!expected || !factor) throw new Error("there is no factor");
      expect(await valuesOf(factor)).toEqual(await valuesOf(expected));
      tf.dispose([kept, handed, expected, factor]);
    },
  );

  test.each([1, 64, 100, 200])("n = %i: a matrix that is not definite is refused", async (n) => {
    // One negative eigenvalue, in the first direction or the last.
    for (const bad of [0, n - 1]) {
      const a = matrix(n, n, (i, j) => (i === j ? (i === bad ? -1 : 2) : 0));
      const h = tensor2d(a);
      const before = tf.memory().numTensors;
      expect(await nativeInverseFactor(h, new Float32Array(n))).toBeUndefined();
      expect(tf.memory().numTensors).toBe(before);
      h.dispose();
    }
    // Handed over it is as it was; above 512 only a band of what lies below the diagonal is touched.
    const large = n === 200 ? 700 : n;
    const values = matrix(large, large, (i, j) => (i === j ? i - 1 : 1 / (1 + i + j)));
    const handed = tensor2d(values);
    expect(await nativeInverseFactor(handed, new Float32Array(large), true)).toBeUndefined();
    expect(await valuesOf(handed)).toEqual(Array.from(Float32Array.from(values.values)));
    handed.dispose();
    const nan = tensor2d(matrix(n, n, () => NaN));
    expect(await nativeInverseFactor(nan, new Float32Array(n))).toBeUndefined();
    nan.dispose();
  });
}

const identity = (n: number): Matrix => matrix(n, n, (i, j) => (i === j ? 1 : 0));
const matrixOf = (values: readonly number[], cols: number): Matrix => ({
  rows: values.length / cols,
  cols,
  values,
});

function productTests(): void {
  test.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])("a sum takes a product in place, transposed %s and %s", async (transposeA, transposeB) => {
    const [m, k, n] = [7, 5, 9];
    const [sum, a, b] = [normals(m, n), normals(m, k), normals(k, n)];
    const given = [
      transposeA ? reference.transpose(a) : a,
      transposeB ? reference.transpose(b) : b,
    ];
    const result = tf.tidy(() => {
      const [s, x, y] = [tensor2d(sum), ...given.map(tensor2d)] as [
        tf.Tensor2D,
        tf.Tensor2D,
        tf.Tensor2D,
      ];
      return addProduct(s, x, y, transposeA, transposeB);
    });
    const product = reference.product(a, b);
    expectClose(
      await valuesOf(result),
      sum.values.map((x, i) => x + (product[i] ?? NaN)),
    );
  });

  test("stacks of products", async () => {
    const stacks = [0, 1, 2].map(() => [normals(6, 4), normals(6, 5)] as const);
    const result = tf.tidy(() => {
      const [a, b] = [0, 1].map((side) =>
        tf.stack(stacks.map((pair) => tensor2d(pair[side === 0 ? 0 : 1]))),
      ) as [tf.Tensor, tf.Tensor];
      return exactProduct(a, b, true, false);
    });
    expect(result.shape).toEqual([3, 4, 5]);
    const wanted = stacks.flatMap(([a, b]) => reference.product(reference.transpose(a), b));
    expectClose(await valuesOf(result), wanted);
  });

  test("a Gram matrix grows in place", async () => {
    const x = [normals(11, 6), normals(4, 6)] as const;
    const result = tf.tidy(() =>
      x.reduce((sum, batch) => addGram(sum, tensor2d(batch)), tf.zeros<tf.Rank.R2>([6, 6])),
    );
    const [one, two] = x.map((batch) => reference.product(reference.transpose(batch), batch));
    expectClose(
      await valuesOf(result),
      (one ?? []).map((value, i) => value + (two?.[i] ?? NaN)),
    );
  });
}

function columnTests(): void {
  test.each([[[1, 1]], [[300, 70]], [[3, 33, 33]]])(
    "dots and scaled columns of %j",
    async (shape) => {
      const [cols, rows] = [shape.at(-1) ?? 1, shape.at(-2) ?? 1];
      const lines = tf.util.sizeFromShape(shape) / cols;
      const [a, b, sum] = [0, 1, 2].map(() => normals(lines, cols)) as [Matrix, Matrix, Matrix];
      const g = normals(lines / rows, cols);
      const result = tf.tidy(() => {
        const [x, y, z] = [a, b, sum].map((m) => tf.reshape(tensor2d(m), shape)) as [
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
        ];
        const scales = tf.reshape(tensor2d(g), [...shape.slice(0, -2), 1, cols]);
        return { dots: columnDots(x, y), scaled: addScaledColumns(z, x, scales) };
      });
      const place = (k: number): number => Math.floor(k / cols / rows) * cols + (k % cols);
      const dots = g.values.map(() => 0);
      a.values.forEach((x, k) => {
        dots[place(k)] = (dots[place(k)] ?? NaN) + x * (b.values[k] ?? NaN);
      });
      expectClose(await valuesOf(result.dots), dots);
      expectClose(
        await valuesOf(result.scaled),
        sum.values.map((x, k) => x + (a.values[k] ?? NaN) * (g.values[place(k)] ?? NaN)),
      );
    },
  );
}

function optimizerTests(): void {
  test.each([1, 31, 40])("Adam's direction, n = %i", async (n) => {
    const [product, first] = [normals(2 * n, n), normals(2 * n, n)];
    const second = matrix(2 * n, n, () => random.next());
    const rates = { beta1: 0.9, beta2: 0.99, eta: 0.3, epsilon: 1e-12 };
    const stack = (m: Matrix): tf.Tensor3D => tf.reshape(tensor2d(m), [2, n, n]);
    const result = tf.tidy(() => {
      const moments = { first: stack(first), second: stack(second) };
      return { ...adamDirection(stack(product), moments, rates) };
    });
    const omega = product.values.map((x, k) => {
      const [block, i, j] = [Math.floor(k / n / n), Math.floor(k / n) % n, k % n];
      return x - (product.values[block * n * n + j * n + i] ?? NaN);
    });
    const m = omega.map((x, k) => 0.9 * (first.values[k] ?? NaN) + x);
    const v = omega.map((x, k) => 0.99 * (second.values[k] ?? NaN) + x * x);
    expectClose(await valuesOf(result.first), m);
    expectClose(await valuesOf(result.second), v);
    expectClose(
      await valuesOf(result.a),
      m.map((x, k) => (0.3 * x) / (Math.sqrt(v[k] ?? NaN) + 1e-12)),
      1e-4,
    );
  });

  // A step within the limit, and one beyond it that is scaled down.
  test.each([0.02, 3])("a move, entries of A about %d", async (size) => {
    const n = 33;
    const raw = [normals(n, n), normals(n, n)] as const;
    const a = raw.map((m) =>
      matrix(n, n, (i, j) => (size * (reference.at(m, i, j) - reference.at(m, j, i))) / 2),
    );
    const start = [normals(n, 1), normals(n, 1)];
    const r = [identity(n), matrix(n, n, (i, j) => (i === n - 1 - j ? 1 : 0))];
    const stack = (all: readonly Matrix[]): tf.Tensor3D =>
      tf.stack(all.map(tensor2d)) as tf.Tensor3D;
    const result = tf.tidy(() => ({ ...move(stack(r), stack(a), stack(start)) }));
    expect(result.power.shape).toEqual([2, n, 1]);
    const wanted = a.map((block, k) => moved(r[k] ?? block, block, start[k]?.values ?? []));
    expectClose(
      await valuesOf(result.power),
      wanted.flatMap(({ power }) => power),
      1e-4,
    );
    expectClose(
      await valuesOf(result.r),
      wanted.flatMap((block) => block.r),
      1e-4,
    );
  });

  test("Newton–Schulz makes nearly orthogonal matrices orthogonal", async () => {
    const n = 40;
    const x = matrix(n, n, (i, j) => (i === j ? 1 : 0) + 1e-3 * random.normal());
    const out = tf.tidy(() => orthonormalised(tf.reshape(tensor2d(x), [1, n, n])));
    const r = matrixOf(await valuesOf(out), n);
    const gram = reference.product(reference.transpose(r), r);
    const error = (m: readonly number[]): number =>
      Math.max(...m.map((value, k) => Math.abs(value - (identity(n).values[k] ?? NaN))));
    expect(error(gram)).toBeLessThan(0.05 * error(reference.product(reference.transpose(x), x)));
  });
}

/** What rounding the operands of a product may not touch, and what it costs where it is let be. */
function roundingTests(precision: "tf32" | "bf16"): void {
  const n = 48;
  const largest = (m: readonly number[]): number =>
    m.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const unlike = (x: readonly number[], wanted: readonly number[]): number =>
    largest(x.map((value, k) => value - (wanted[k] ?? NaN))) / largest(wanted);
  /** How far RᵀR x is from x, for one random x: the product itself would take the reference long. */
  const orthogonality = (r: Matrix): number => {
    const x = normals(r.cols, 1);
    const back = reference.product(reference.transpose(r), matrixOf(reference.product(r, x), 1));
    return unlike(back, x.values);
  };

  test("an exact product stays float32", async () => {
    const [a, b] = [normals(n, n), normals(n, n)];
    const exact = tf.tidy(() => exactProduct(tensor2d(a), tensor2d(b)));
    const rounded = tf.tidy(() => tf.matMul(tensor2d(a), tensor2d(b)));
    const wanted = reference.product(a, b);
    expect(unlike(await valuesOf(exact), wanted)).toBeLessThan(1e-6);
    expect(unlike(await valuesOf(rounded), wanted)).toBeGreaterThan(1e-5);
  });

  test("large products are right in every layout", async () => {
    const [m, k, cols] = [1025, 1030, 1024];
    // Few entries that are not 0, so that the reference is quick.
    const place = (i: number, j: number): boolean => (i * 7 + j * 3) % 211 === 0;
    const sparse = (rows: number, columns: number): Matrix =>
      matrix(rows, columns, (i, j) => (place(i, j) ? Math.round(8 * random.normal()) : 0));
    const [a, b] = [sparse(m, k), sparse(k, cols)];
    const wanted = sparseProduct(a, b);
    for (const transposeA of [false, true]) {
      for (const transposeB of [false, true]) {
        const result = tf.tidy(() => {
          const x = tensor2d(a);
          const y = tensor2d(b);
          const given = [
            transposeA ? tf.transpose(x) : x,
            transposeB ? tf.transpose(y) : y,
          ] as const;
          return tf.matMul(...given, transposeA, transposeB);
        });
        const values = await valuesOf(result);
        expect(values.findIndex((value, i) => value !== wanted[i])).toBe(-1);
      }
    }
  });

  test("a product that only guides a search is bfloat16 where it is large, never where results are kept", async () => {
    const size = 1024;
    const place = (i: number, j: number): boolean => (i * 7 + j * 3) % 211 === 0;
    const sparse = (): Matrix => matrix(size, size, (i, j) => (place(i, j) ? random.normal() : 0));
    const [a, b] = [sparse(), sparse()];
    const wanted = sparseProduct(a, b);
    const run = async (of: typeof searchProduct): Promise<number> => {
      const result = tf.tidy(() => of(tensor2d(a), tensor2d(b)));
      return unlike(await valuesOf(result), wanted);
    };
    const searched = await run(searchProduct);
    expect(searched).toBeGreaterThan(5e-4);
    expect(searched).toBeLessThan(1e-2);
    expect(await run(exactProduct)).toBeLessThan(1e-6);
    const small = await unlikeSmall(searchProduct);
    expect(small).toBeLessThan(precision === "tf32" ? 1.5e-3 : 1e-2);
  });

  async function unlikeSmall(of: typeof searchProduct): Promise<number> {
    const [a, b] = [normals(n, n), normals(n, n)];
    const result = tf.tidy(() => of(tensor2d(a), tensor2d(b)));
    return unlike(await valuesOf(result), reference.product(a, b));
  }

  test("a Hessian is within TF32 and stays positive definite with little damping", async () => {
    // Fewer tokens than columns, and a column as large as outliers are: half of its eigenvalues are 0.
    const x = normals(n / 2, n);
    const spread = matrix(x.rows, n, (i, j) => reference.at(x, i, j) * (j === 3 ? 300 : 1));
    const h = tf.tidy(() => addGram(tf.zeros<tf.Rank.R2>([n, n]), tensor2d(spread)));
    const values = [...(await h.data())];
    const wanted = reference.product(reference.transpose(spread), spread);
    const scale = (k: number): number => Math.sqrt(wanted[k * (n + 1)] ?? NaN);
    const errors = values.map(
      (value, k) => (value - (wanted[k] ?? NaN)) / (scale(Math.floor(k / n)) * scale(k % n)),
    );
    // A factor cut to 10 bits, as some cards do instead of rounding, errs by less than 2⁻¹⁰.
    expect(largest(errors)).toBeLessThan(2 ** -9);
    const mean = values.filter((_, k) => k % (n + 1) === 0).reduce((a, b) => a + b, 0) / n;
    const factor = await nativeInverseFactor(h, new Float32Array(n).fill(1e-4 * mean));
    expect(factor).toBeDefined();
    tf.dispose([h, factor ?? []]);
  });

  test("a layer pruned by a rounded Hessian loses as little as by an exact one", async () => {
    const [tokens, columns, rows] = [200, 64, 40];
    const mixed = reference.product(normals(tokens, columns), normals(columns, columns));
    const x = matrixOf([...Float32Array.from(mixed)], columns);
    const w = normals(rows, columns);
    const dense = reference.product(x, reference.transpose(w));
    const exact = reference.product(reference.transpose(x), x);
    const lossWith = async (h: tf.Tensor2D): Promise<number> => {
      const damped = await dampedFactor(h, 0.01);
      const original = tensor2d(w);
      const pattern = { kind: "nm", keep: 2, of: 4 } as const;
      const pruned = pruneSparseGpt(original, damped, { pattern, blockSize: 32 });
      tf.dispose([h, damped.factor, original]);
      const values = matrixOf(await valuesOf(pruned), columns);
      const out = reference.product(x, reference.transpose(values));
      return out.reduce((sum, y, k) => sum + (y - (dense[k] ?? NaN)) ** 2, 0);
    };
    const rounded = tf.tidy(() => addGram(tf.zeros<tf.Rank.R2>([columns, columns]), tensor2d(x)));
    const ratio = (await lossWith(rounded)) / (await lossWith(tensor2d(matrixOf(exact, columns))));
    expect(Math.abs(ratio - 1)).toBeLessThan(1e-3);
  });

  test("moves do not drift from orthogonal, and polishing ends in float32", async () => {
    // Beyond what is always moved in float32.
    const m = 520;
    const skew = normals(m, 1).values;
    const a = matrix(m, m, (i, j) => 0.02 * Math.sin((skew[i] ?? NaN) - (skew[j] ?? NaN)));
    const { r, polished } = tf.tidy(() => {
      const step = tf.reshape<tf.Rank.R3>(tensor2d(a), [1, m, m]);
      let power: tf.Tensor3D = tf.ones([1, m, 1]);
      let r: tf.Tensor3D = tf.reshape(tf.eye(m), [1, m, m]);
      for (let t = 0; t < 6; t++) ({ r, power } = move(r, step, power));
      return { r, polished: orthonormalised(orthonormalised(r)) };
    });
    expect(orthogonality(matrixOf(await valuesOf(r), m))).toBeLessThan(0.02);
    expect(orthogonality(matrixOf(await valuesOf(polished), m))).toBeLessThan(2e-6);
  });
}

/** Of small whole numbers: exact in every precision. */
function sparseProduct(a: Matrix, b: Matrix): number[] {
  const out = new Array<number>(a.rows * b.cols).fill(0);
  const rowsOfB = Array.from({ length: b.rows }, (_, k) => {
    const row: [number, number][] = [];
    for (let j = 0; j < b.cols; j++) {
      const value = reference.at(b, k, j);
      if (value !== 0) row.push([j, value]);
    }
    return row;
  });
  for (let i = 0; i < a.rows; i++) {
    for (let k = 0; k < a.cols; k++) {
      const factor = reference.at(a, i, k);
      if (factor === 0) continue;
      for (const [j, value] of rowsOfB[k] ?? []) {
        out[i * b.cols + j] = (out[i * b.cols + j] ?? 0) + factor * value;
      }
    }
  }
  return out;
}

/** fused/orthogonal.ts in float64. */
function moved(r: Matrix, a: Matrix, start: readonly number[]): { r: number[]; power: number[] } {
  const n = a.rows;
  const times = (x: readonly number[], y: readonly number[]): number[] =>
    reference.product(matrixOf(x, n), matrixOf(y, y.length / n));
  const combine = (...terms: readonly (readonly [number, readonly number[]])[]): number[] =>
    (terms[0]?.[1] ?? []).map((_, k) => terms.reduce((sum, [f, x]) => sum + f * (x[k] ?? NaN), 0));
  const square = times(a.values, a.values);
  const length = (x: readonly number[]): number => Math.hypot(...x);
  let power = [...start];
  for (let i = 0; i < 8; i++) power = times(square, combine([1 / length(power), power]));
  const scale = Math.min(1, 1.8 / Math.sqrt(length(power)));
  const step = combine([-scale, a.values]);
  const b = combine([scale * scale, square]);
  const [p0, p1] = [1.00077329692886, 0.506570633791011];
  const [p2, q1] = [0.027813592413247774, 0.14829137159701966];
  const rest = combine([p0, step], [p1, b], [p2, times(b, b)], [q1, times(step, b)]);
  const x = combine([p0, r.values], [1, times(r.values, rest)]);
  const gram = reference.product(reference.transpose(matrixOf(x, n)), matrixOf(x, n));
  return { r: combine([1.5, x], [-0.5, times(x, gram)]), power };
}

function decoderTests(): void {
  test.each([
    [1, 1],
    [3, 100],
    [2, 5000],
  ])("RMSNorm, %i × %i", async (rows, n) => {
    const [x, gain] = [normals(rows, n), positives(n)];
    const y = tf.tidy(() => rmsNorm(tensor2d(x), tf.tensor1d(gain), 1e-5));
    const wanted = x.values.map((value, k) => {
      const row = x.values.slice(Math.floor(k / n) * n, (Math.floor(k / n) + 1) * n);
      const mean = row.reduce((sum, v) => sum + v * v, 0) / n;
      return (value / Math.sqrt(mean + 1e-5)) * (gain[k % n] ?? NaN);
    });
    expectClose(await valuesOf(y), wanted);
  });

  test("under a gradient the composed operations serve", async () => {
    const [x, gain] = [tensor2d(normals(3, 7)), tf.ones<tf.Rank.R1>([7])];
    const gradient = tf.grad((y) => tf.sum(tf.square(rmsNorm(y, gain, 0))))(x);
    // Every row has the length √7 whatever x is.
    expectClose(
      await valuesOf(gradient),
      Array.from({ length: 21 }, () => 0),
      1e-2,
    );
    tf.dispose([x, gain]);
  });

  test("rotary positions", async () => {
    const [B, T, heads, hd] = [2, 5, 3, 6];
    const x = normals(B * T * heads, hd);
    const angle = (t: number, i: number): number => t * 0.7 ** i;
    const table = (of: (x: number) => number): tf.Tensor3D =>
      tf.reshape(tensor2d(matrix(T, hd / 2, (t, i) => of(angle(t, i)))), [T, 1, hd / 2]);
    const y = tf.tidy(() =>
      applyRope(tf.reshape(tensor2d(x), [B, T, heads, hd]), {
        cos: table(Math.cos),
        sin: table(Math.sin),
      }),
    );
    const wanted = x.values.map((value, k) => {
      const [row, i] = [Math.floor(k / hd), k % hd];
      const first = i < hd / 2;
      const other = reference.at(x, row, first ? i + hd / 2 : i - hd / 2);
      const turn = angle(Math.floor(row / heads) % T, i % (hd / 2));
      return value * Math.cos(turn) + (first ? -other : other) * Math.sin(turn);
    });
    expectClose(await valuesOf(y), wanted);
  });

  test("SwiGLU, of large values as well", async () => {
    const gate = matrix(3, 5, (i, j) => (i === 0 ? 1 : 60) * (j - 2));
    const up = normals(3, 5);
    const y = tf.tidy(() => swiglu(tensor2d(gate), tensor2d(up)));
    const wanted = gate.values.map((g, k) => (g / (1 + Math.exp(-g))) * (up.values[k] ?? NaN));
    expectClose(await valuesOf(y), wanted);
  });

  test.each([
    { heads: 4, kvHeads: 4, T: 9, window: null },
    { heads: 6, kvHeads: 3, T: 33, window: null },
    { heads: 6, kvHeads: 3, T: 33, window: 5 },
    { heads: 5, kvHeads: 1, T: 17, window: 1 },
    { heads: 4, kvHeads: 2, T: 150, window: 40 },
    { heads: 4, kvHeads: 2, T: 150, window: null },
  ])("attention: $heads heads on $kvHeads, T $T, window $window", async (of) => {
    const [B, hd] = [2, 8];
    const { heads, kvHeads, T, window } = of;
    const [q, k, v] = [heads, kvHeads, kvHeads].map((n) => normals(B * T * n, hd)) as [
      Matrix,
      Matrix,
      Matrix,
    ];
    const wanted = attention(q, k, v, { B, ...of });
    const shaped = (m: Matrix, n: number): tf.Tensor4D => tf.reshape(tensor2d(m), [B, T, n, hd]);
    const inputs = [shaped(q, heads), shaped(k, kvHeads), shaped(v, kvHeads)] as const;
    expectClose(await valuesOf(causalAttention(...inputs, window)), wanted, 1e-4);
    // In blocks of 64 queries.
    const backend = tf.backend() as unknown as CudaBackend;
    const info = attentionKernel(backend, ...inputs, window ?? 0, 1);
    const blocks = tf.engine().makeTensorFromTensorInfo(info);
    expectClose(await valuesOf(blocks), wanted, 1e-4);
    tf.dispose([...inputs]);
  });

  test.each([1, 33, 3000])("likelihood over %i logits", async (size) => {
    const logits = matrix(4, size, (i) => (i === 3 ? 300 : 5) * random.normal());
    const targets = Int32Array.from([0, size - 1, -1, size]);
    const result = tf.tidy(() => ({ ...targetLikelihood(tensor2d(logits), targets) }));
    const rows = [0, 1, 2, 3].map((i) => logits.values.slice(i * size, (i + 1) * size));
    expectClose(
      await valuesOf(result.logSums),
      rows.map((row) => {
        const top = row.reduce((a, b) => Math.max(a, b));
        return top + Math.log(row.reduce((sum, x) => sum + Math.exp(x - top), 0));
      }),
    );
    const picked = await valuesOf(result.picked);
    expectClose(picked.slice(0, 2), [rows[0]?.[0] ?? NaN, rows[1]?.[size - 1] ?? NaN]);
  });

  test.each([
    [1, 0],
    [3000, 0],
    [3000, 33],
    [3000, 2999],
  ])("one NaN among %i logits, at %i, makes their likelihood NaN", async (size, at) => {
    const logits = matrix(2, size, (i, j) => (i === 0 && j === at ? NaN : random.normal()));
    const { logSums } = tf.tidy(() => ({
      ...targetLikelihood(tensor2d(logits), Int32Array.of(0, 0)),
    }));
    const [first, second] = await valuesOf(logSums);
    expect([first, Number.isFinite(second)]).toEqual([NaN, true]);
  });

  test("logits of −∞ are tokens that cannot come", async () => {
    const logits = matrix(2, 600, (i, j) => (i === 1 || j % 3 === 0 ? -Infinity : 0));
    const { logSums } = tf.tidy(() => ({
      ...targetLikelihood(tensor2d(logits), Int32Array.of(1, 1)),
    }));
    const [some, none] = await valuesOf(logSums);
    expect(some).toBeCloseTo(Math.log(400), 5);
    expect(none).toBe(-Infinity);
  });

  test("tensors without elements pass through", async () => {
    const [tokens, columns] = [tf.zeros<tf.Rank.R2>([0, 8]), tf.zeros<tf.Rank.R2>([3, 0])];
    const results = [
      ...[tokens, columns].map((x) => rmsNorm(x, tf.ones([x.shape[1]]), 1e-6)),
      ...[tokens, columns].map((x) => swiglu(x.clone(), x)),
      columnDots(tf.zeros([2, 3, 0]), tf.zeros([2, 3, 0])),
      targetLikelihood(tokens, new Int32Array(0)).logSums,
    ];
    const sizes = await Promise.all(results.map(async (x) => (await x.data()).length));
    expect(sizes).toEqual([0, 0, 0, 0, 0, 0]);
    expect(await valuesOf(tf.ones([2]))).toEqual([1, 1]);
  });
}

/** Position by position. */
function attention(
  q: Matrix,
  k: Matrix,
  v: Matrix,
  of: { B: number; T: number; heads: number; kvHeads: number; window: number | null },
): number[] {
  const { B, T, heads, kvHeads, window } = of;
  const hd = q.cols;
  const out: number[] = [];
  for (let b = 0; b < B; b++) {
    for (let t = 0; t < T; t++) {
      for (let h = 0; h < heads; h++) {
        const g = Math.floor((h * kvHeads) / heads);
        const query = (b * T + t) * heads + h;
        const weights: number[] = [];
        const first = window === null ? 0 : Math.max(0, t - window + 1);
        for (let s = first; s <= t; s++) {
          let dot = 0;
          for (let i = 0; i < hd; i++) {
            dot += reference.at(q, query, i) * reference.at(k, (b * T + s) * kvHeads + g, i);
          }
          weights.push(Math.exp(dot / Math.sqrt(hd)));
        }
        const sum = weights.reduce((x, y) => x + y, 0);
        for (let i = 0; i < hd; i++) {
          out.push(
            weights.reduce(
              (total, x, s) =>
                total + (x / sum) * reference.at(v, (b * T + first + s) * kvHeads + g, i),
              0,
            ),
          );
        }
      }
    }
  }
  return out;
}
