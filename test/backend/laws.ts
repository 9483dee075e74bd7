/**
 * The laws every device obeys. One suite, run over each device that the machine has; the expected values come from
 * the float64 references beside this file, never from a device.
 */
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  entropyObjective,
  prunedMassObjective,
  selectLowest,
  sparsegptBlock,
  type ObjectiveValue,
  type Selection,
} from "../../daemon/backend/index.ts";
import type { Pattern } from "../../daemon/vocabulary.ts";
import { seededRandom } from "../../daemon/random.ts";
import * as reference from "./reference.ts";
import { matrix, type Matrix } from "./reference.ts";

/** What the laws need of a started device. */
export interface Device {
  dispose(): Promise<void>;
}

export function backendLaws(name: string, open: () => Promise<Device>): void {
  describe(name, () => {
    let device: Device;
    beforeAll(async () => {
      device = await open();
    });
    afterAll(() => device.dispose());

    describe("matrix product", matmulLaws);
    describe("operations that the engine uses", operationLaws);
    describe("entropy", entropyLaws);
    describe("pruned mass", prunedMassLaws);
    describe("selectLowest", selectLaws);
    describe("sparsegptBlock", sparsegptLaws);
    test("fused kernels leave nothing behind but their results", async () => {
      const random = normals(4, 8);
      const [w, c, u] = [tensor2d(random), tf.ones<tf.Rank.R1>([8]), tensor2d(upper(8))];
      const before = tf.memory().numTensors;
      const runs: (() => tf.NamedTensorMap)[] = [
        () => entropyObjective(w, c, 1),
        () => entropyObjective(w, c, 0),
        () => prunedMassObjective(w, c, { kind: "nm", keep: 2, of: 4 }),
        () => prunedMassObjective(w, c, { kind: "unstructured", share: 0.5 }),
        () => ({ mask: selectLowest(tf.square(w), { kind: "count", count: 3 }) }),
        () => sparsegptBlock(w, u, { kind: "nm", keep: 2, of: 4 }),
      ];
      for (const run of runs) {
        const results = Object.values(tf.tidy(run));
        expect(tf.memory().numTensors).toBe(before + results.length);
        await Promise.all(results.map((result) => result.data()));
        tf.dispose(results);
      }
      tf.dispose([w, c, u]);
    });
  });
}

// ---- numbers ----

const random = seededRandom(7);

function normals(rows: number, cols: number): Matrix {
  return matrix(rows, cols, () => random.normal());
}

function positives(count: number): number[] {
  return [...Float32Array.from({ length: count }, () => 0.1 + random.next())];
}

/** Upper triangular, as a Cholesky factor is: positive on the diagonal, and rubbish below it. */
function upper(b: number): Matrix {
  return matrix(b, b, (i, j) =>
    i === j ? 0.5 + random.next() : i < j ? 0.4 * random.normal() : NaN,
  );
}

function tensor2d(m: Matrix): tf.Tensor2D {
  return tf.tensor2d([...m.values], [m.rows, m.cols], "float32");
}

/** Values of a tensor that is then no longer needed. */
async function valuesOf(tensor: tf.Tensor): Promise<number[]> {
  const values = [...(await tensor.data())];
  tensor.dispose();
  return values;
}

/** Close in float32: relative to the largest value, since sums of many terms cancel. */
function expectClose(actual: readonly number[], wanted: readonly number[], tolerance = 2e-5): void {
  expect(actual.length).toBe(wanted.length);
  const scale = Math.max(1e-2, ...wanted.map(Math.abs));
  actual.forEach((value, i) => {
    const difference = Math.abs(value - (wanted[i] ?? NaN)) / scale;
    expect(difference, `entry ${i}: ${value}, not ${wanted[i] ?? NaN}`).toBeLessThan(tolerance);
  });
}

/** Sizes that are no multiple of 4, one row, one column, and more than a workgroup of columns. */
const SHAPES: readonly [rows: number, cols: number][] = [
  [1, 1],
  [3, 5],
  [7, 4],
  [4, 33],
  [70, 12],
  [2, 300],
];

/** Around and around. */
function nth(all: readonly Matrix[], i: number): Matrix {
  const found = all[i % all.length];
  if (found === undefined) throw new RangeError("none");
  return found;
}

// ---- matrix product ----

function matmulLaws(): void {
  test.each([
    [1, 1, 1],
    [3, 5, 7],
    [17, 33, 18],
    [64, 48, 40],
  ])("%i × %i × %i, all four transpositions", async (m, k, n) => {
    const [a, b] = [normals(m, k), normals(k, n)];
    const wanted = reference.product(a, b);
    for (const transposeA of [false, true]) {
      for (const transposeB of [false, true]) {
        const left = tensor2d(transposeA ? reference.transpose(a) : a);
        const right = tensor2d(transposeB ? reference.transpose(b) : b);
        expectClose(await valuesOf(tf.matMul(left, right, transposeA, transposeB)), wanted);
        tf.dispose([left, right]);
      }
    }
  });

  test.each([
    ["equal batches", [2, 3], [2, 3]],
    ["one matrix for all", [2, 3], [1, 1]],
    ["all for one matrix", [1, 1], [2, 3]],
  ])("batches: %s", async (_, batchA, batchB) => {
    const [m, k, n] = [19, 20, 21];
    const count = (batch: number[]): number => batch.reduce((x, y) => x * y, 1);
    const as = Array.from({ length: count(batchA) }, () => normals(m, k));
    const bs = Array.from({ length: count(batchB) }, () => normals(k, n));
    const stack = (all: Matrix[], batch: number[], rows: number, cols: number): tf.Tensor4D =>
      tf.tensor(
        all.flatMap((x) => [...x.values]),
        [...batch, rows, cols] as [number, number, number, number],
      );
    const left = stack(as, batchA, m, k);
    const right = stack(bs, batchB, k, n);
    const wanted = Array.from({ length: 6 }, (_, i) => reference.product(nth(as, i), nth(bs, i)));
    const out = tf.matMul(left, right);
    expect(out.shape).toEqual([2, 3, m, n]);
    expectClose(await valuesOf(out), wanted.flat());
    tf.dispose([left, right]);
  });

  test.each(["linear", "relu", "sigmoid", "elu"] as const)(
    "fused with bias and %s",
    async (activation) => {
      const [a, b] = [normals(18, 19), normals(19, 20)];
      const bias = positives(20);
      const act = {
        linear: (x: number) => x,
        relu: (x: number) => Math.max(0, x),
        sigmoid: (x: number) => 1 / (1 + Math.exp(-x)),
        elu: (x: number) => (x > 0 ? x : Math.expm1(x)),
      }[activation];
      const wanted = reference.product(a, b).map((x, i) => act(x + (bias[i % 20] ?? NaN)));
      const out = tf.tidy(() =>
        tf.fused.matMul({ a: tensor2d(a), b: tensor2d(b), bias: tf.tensor1d(bias), activation }),
      );
      expectClose(await valuesOf(out), wanted);
    },
  );
}

// ---- operations ----

function operationLaws(): void {
  const x = matrix(3, 5, (i, j) => Math.sin(3 * i + j + 0.5) * 2);
  const rowsOf = (m: Matrix): number[][] =>
    Array.from({ length: m.rows }, (_, i) => m.values.slice(i * m.cols, (i + 1) * m.cols));
  const softmax = (row: number[]): number[] => {
    const exps = row.map(Math.exp);
    const sum = exps.reduce((a, b) => a + b, 0);
    return exps.map((e) => e / sum);
  };

  const cases: Record<string, [run: (t: tf.Tensor2D) => tf.Tensor, wanted: number[]]> = {
    softmax: [(t) => tf.softmax(t), rowsOf(x).flatMap(softmax)],
    logSoftmax: [(t) => tf.logSoftmax(t), rowsOf(x).flatMap((row) => softmax(row).map(Math.log))],
    sigmoid: [(t) => tf.sigmoid(t), x.values.map((v) => 1 / (1 + Math.exp(-v)))],
    rsqrt: [(t) => tf.rsqrt(tf.square(t)), x.values.map((v) => 1 / Math.abs(v))],
    "sum over rows": [(t) => tf.sum(t, 1), rowsOf(x).map((row) => row.reduce((a, b) => a + b, 0))],
    mean: [(t) => tf.mean(t), [x.values.reduce((a, b) => a + b, 0) / 15]],
    max: [(t) => tf.max(t), [Math.max(...x.values)]],
    transpose: [(t) => tf.transpose(t), [...reference.transpose(x).values]],
    gather: [(t) => tf.gather(t, [2, 0, 2]), [2, 0, 2].flatMap((i) => rowsOf(x)[i] ?? [])],
    concat: [(t) => tf.concat([t, t], 1), rowsOf(x).flatMap((row) => [...row, ...row])],
    slice: [(t) => tf.slice(t, [1, 2], [2, 2]), [7, 8, 12, 13].map((i) => x.values[i] ?? NaN)],
    cumsum: [
      (t) => tf.cumsum(t, 1),
      rowsOf(x).flatMap((row) => row.map((_, j) => row.slice(0, j + 1).reduce((a, b) => a + b, 0))),
    ],
    where: [
      (t) => tf.where(tf.greater(t, 0), t, tf.zerosLike(t)),
      x.values.map((v) => Math.max(0, v)),
    ],
    topk: [
      (t) => tf.topk(t, 2).values,
      rowsOf(x).flatMap((row) => row.sort((a, b) => b - a).slice(0, 2)),
    ],
    "row-wise product": [
      (t) => tf.mul(t, tf.tensor1d([1, 2, 3, 4, 5])),
      x.values.map((v, i) => v * ((i % 5) + 1)),
    ],
    eye: [(t) => tf.matMul(t, tf.eye(5)), [...x.values]],
  };
  test.each(Object.entries(cases))("%s", async (_, [run, wanted]) => {
    expectClose(await valuesOf(tf.tidy(() => run(tensor2d(x)))), wanted);
  });

  test("unsortedSegmentSum, the gradient of an embedding lookup", async () => {
    const sums = tf.tidy(() => {
      const received = tf.tensor2d([1, 2, 3, 4, 5, 6, 7, 8], [4, 2]);
      return tf.unsortedSegmentSum(received, tf.tensor1d([1, 3, 1, 0], "int32"), 4);
    });
    expect(await valuesOf(sums)).toEqual([7, 8, 1 + 5, 2 + 6, 0, 0, 3, 4]);
  });
}

// ---- objectives ----

async function valuesOfObjective(value: ObjectiveValue): Promise<[number[], number[], number[]]> {
  expect(value.loss.shape).toEqual([]);
  return [await valuesOf(value.loss), await valuesOf(value.gradW), await valuesOf(value.gradC)];
}

/** Loss and both gradients against a float64 loss, differentiated numerically. */
async function expectObjective(
  w: Matrix,
  c: readonly number[],
  run: (w: tf.Tensor2D, c: tf.Tensor1D) => ObjectiveValue,
  loss: (w: Matrix, c: readonly number[]) => number,
): Promise<void> {
  const value = tf.tidy(() => run(tensor2d(w), tf.tensor1d([...c])));
  const [actual, gradW, gradC] = await valuesOfObjective(value);
  expectClose(actual, [loss(w, c)]);
  // Some entries of a large matrix say as much as all of them.
  const some = <T>(all: readonly T[]): T[] =>
    all.filter((_, i) => i % Math.ceil(all.length / 97) === 0);
  const ofW = (values: readonly number[]): number => loss({ ...w, values }, c);
  const wanted = some(w.values.map((_, k) => k)).map((k) => reference.slope(ofW, w.values, k));
  expectClose(some(gradW), wanted, 2e-4);
  const ofC = (values: readonly number[]): number => loss(w, values);
  expectClose(
    gradC,
    c.map((_, k) => reference.slope(ofC, c, k)),
    2e-4,
  );
}

function entropyLaws(): void {
  for (const axis of [1, 0] as const) {
    test.each(SHAPES)(`axis ${axis}, %i × %i, with gradients`, async (rows, cols) => {
      await expectObjective(
        normals(rows, cols),
        positives(cols),
        (w, c) => entropyObjective(w, c, axis),
        (w, c) => reference.entropy(w, c, axis),
      );
    });
  }

  test("known values: a uniform row has ln n, a single weight has none", async () => {
    const w = tf.tensor2d([3, -3, 3, 3, 3, 0, 5, 0, 0, 0, 0, 0], [2, 6]);
    const c = tf.ones<tf.Rank.R1>([6]);
    const [loss, gradW] = await valuesOfObjective(entropyObjective(w, c, 1));
    expectClose(loss, [Math.log(5)]);
    expectClose(
      gradW,
      gradW.map(() => 0),
    );
    tf.dispose([w, c]);
  });

  test("rows, columns and inputs of no importance have no entropy and no gradient", async () => {
    const w = tf.tensor2d([0, 0, 0, 1, 0, 2, 0, 0, 0], [3, 3]);
    const c = tf.tensor1d([1, 1, 0]);
    for (const axis of [0, 1] as const) {
      const [loss, gradW, gradC] = await valuesOfObjective(entropyObjective(w, c, axis));
      expect(loss).toEqual([0]);
      expect(gradW.map((g) => g + 0)).toEqual(Array(9).fill(0));
      expect(gradC.map((g) => g + 0)).toEqual([0, 0, 0]);
    }
    tf.dispose([w, c]);
  });

  test("tiny and huge weights lose no accuracy", async () => {
    const w = matrix(2, 9, (i, j) => 10 ** (i === 0 ? -8 : 6) * (1 + j));
    const c = Array(9).fill(1) as number[];
    const value = tf.tidy(() => entropyObjective(tensor2d(w), tf.tensor1d(c), 1));
    const [loss] = await valuesOfObjective(value);
    expectClose(loss, [reference.entropy(w, c, 1)]);
  });
}

const PATTERNS: readonly Pattern[] = [
  { kind: "nm", keep: 2, of: 4 },
  { kind: "nm", keep: 4, of: 8 },
  { kind: "nm", keep: 1, of: 3 },
  { kind: "unstructured", share: 0.5 },
  { kind: "unstructured", share: 0.3 },
];

function selection(pattern: Pattern, cols: number): Selection {
  return pattern.kind === "nm"
    ? pattern
    : { kind: "count", count: Math.floor(pattern.share * cols) };
}

function prunedMassLaws(): void {
  for (const pattern of PATTERNS) {
    const name = pattern.kind === "nm" ? `${pattern.keep}:${pattern.of}` : `${pattern.share}`;
    const shapes: [number, number][] = [
      [1, 24],
      [5, 24],
      [70, 48],
    ];
    test.each(shapes)(`${name}, %i × %i, with gradients`, async (rows, cols) => {
      const [w, c] = [normals(rows, cols), positives(cols)];
      const mask = reference.lowestMask(reference.importance(w, c), selection(pattern, cols));
      await expectObjective(
        w,
        c,
        (w, c) => prunedMassObjective(w, c, pattern),
        (w, c) => reference.prunedShare(w, c, mask),
      );
    });
  }

  test("odd rows: floor(share · cols) of each go", async () => {
    const w = tf.ones<tf.Rank.R2>([2, 7]);
    const c = tf.ones<tf.Rank.R1>([7]);
    const value = prunedMassObjective(w, c, { kind: "unstructured", share: 0.5 });
    const [loss] = await valuesOfObjective(value);
    expectClose(loss, [2 * (3 / 7)]);
    tf.dispose([w, c]);
  });

  test("of equal weights the left go: their gradient pulls down, the others' up", async () => {
    const w = tf.ones<tf.Rank.R2>([1, 8]);
    const c = tf.ones<tf.Rank.R1>([8]);
    // S = 8, L/S = ½; ∂f/∂s = (m − ½)/8; ∂f/∂w = 2 · that.
    for (const [pattern, pruned] of [
      [{ kind: "nm", keep: 2, of: 4 }, [1, 1, 0, 0, 1, 1, 0, 0]],
      [{ kind: "unstructured", share: 0.5 }, [1, 1, 1, 1, 0, 0, 0, 0]],
    ] as const) {
      const [loss, gradW] = await valuesOfObjective(prunedMassObjective(w, c, pattern));
      expectClose(loss, [0.5]);
      expectClose(
        gradW,
        pruned.map((m) => (m - 0.5) / 4),
      );
    }
    tf.dispose([w, c]);
  });

  test("a row of zeros loses nothing and pulls nowhere", async () => {
    const w = tf.tensor2d([0, 0, 0, 0, 1, 2, 3, 4], [2, 4]);
    const c = tf.ones<tf.Rank.R1>([4]);
    for (const pattern of [
      { kind: "nm", keep: 2, of: 4 },
      { kind: "unstructured", share: 0.5 },
    ] as const) {
      const [loss, gradW] = await valuesOfObjective(prunedMassObjective(w, c, pattern));
      expectClose(loss, [5 / 30]);
      expect(gradW.slice(0, 4).map((g) => g + 0)).toEqual([0, 0, 0, 0]);
    }
    tf.dispose([w, c]);
  });
}

// ---- masks ----

function selectLaws(): void {
  const expectMask = async (scores: Matrix, select: Selection): Promise<void> => {
    const mask = tf.tidy(() => selectLowest(tensor2d(scores), select));
    expect(mask.dtype).toBe("bool");
    const actual = (await valuesOf(mask)).map(Boolean);
    expect(actual).toEqual(reference.lowestMask(scores, select));
  };

  const kinds: Record<string, (i: number, j: number) => number> = {
    "all different": () => random.next(),
    "few values, many ties": () => random.integer(3),
    "all equal": () => 1,
    "mostly zero": () => (random.next() < 0.8 ? 0 : random.next()),
    "differing in the last bits": () => 1 + random.integer(40) * 2 ** -23,
    "over all magnitudes": () => 10 ** (60 * random.next() - 30),
  };
  for (const [kind, value] of Object.entries(kinds)) {
    test.each([
      [3, 24],
      [2, 600],
    ])(`${kind}, %i × %i`, async (rows, cols) => {
      const scores = matrix(rows, cols, value);
      for (const [keep, of] of [
        [2, 4],
        [1, 4],
        [4, 8],
        [2, 3],
      ] as const) {
        await expectMask(scores, { kind: "nm", keep, of });
      }
      for (const count of [1, Math.floor(cols / 3), cols / 2, cols - 1]) {
        await expectMask(scores, { kind: "count", count });
      }
    });
  }

  test.each([1, 2, 5, 7, 31, 257])("rows of %i", async (cols) => {
    const scores = matrix(3, cols, () => random.next());
    await expectMask(scores, { kind: "count", count: Math.floor(cols / 2) });
  });

  test("none and all", async () => {
    const scores = normals(2, 5);
    await expectMask(reference.importance(scores, [1, 1, 1, 1, 1]), { kind: "count", count: 0 });
    await expectMask(reference.importance(scores, [1, 1, 1, 1, 1]), { kind: "count", count: 5 });
  });

  test("minus zero is zero", async () => {
    const mask = tf.tidy(() =>
      selectLowest(tf.tensor2d([0, -0, 0, -0], [1, 4]), { kind: "count", count: 2 }),
    );
    expect(await valuesOf(mask)).toEqual([1, 1, 0, 0]);
  });
}

// ---- SparseGPT ----

function sparsegptLaws(): void {
  /** NaN below the diagonal shows that nothing there is read; a device may also multiply it by nothing. */
  const triangle = (b: number): Matrix => {
    const u = upper(b);
    return { ...u, values: u.values.map((value) => (Number.isNaN(value) ? 0 : value)) };
  };

  test.each([
    [1, 8, 2, 4],
    [5, 16, 2, 4],
    [3, 24, 4, 8],
    [9, 12, 1, 3],
    [4, 6, 1, 2],
    [300, 8, 2, 4],
  ])("%i × %i, keeping %i of %i", async (rows, b, keep, of) => {
    const [w, u] = [normals(rows, b), triangle(b)];
    const select = { kind: "nm", keep, of } as const;
    const block = tf.tidy(() => sparsegptBlock(tensor2d(w), tensor2d(u), select));
    const wanted = reference.sparsegpt(w, u, select);
    const weights = await valuesOf(block.weights);
    expect(weights.map((x) => x === 0)).toEqual(wanted.weights.map((x) => x === 0));
    expectClose(weights, wanted.weights, 1e-4);
    expectClose(await valuesOf(block.errors), wanted.errors, 1e-4);
  });

  test.each([
    [1, 1],
    [6, 7],
    [4, 21],
  ])("%i × %i with a mask", async (rows, b) => {
    const [w, u] = [normals(rows, b), triangle(b)];
    const mask = w.values.map(() => random.next() < 0.5);
    const block = tf.tidy(() => {
      const chosen = tf.tensor2d(mask, [rows, b], "bool");
      return sparsegptBlock(tensor2d(w), tensor2d(u), { kind: "mask", mask: chosen });
    });
    const wanted = reference.sparsegpt(w, u, { kind: "mask", mask });
    expectClose(await valuesOf(block.weights), wanted.weights, 1e-4);
    expectClose(await valuesOf(block.errors), wanted.errors, 1e-4);
  });

  test("of equal scores in a group the left go", async () => {
    const block = tf.tidy(() =>
      sparsegptBlock(tf.ones([2, 4]), tf.eye(4), { kind: "nm", keep: 2, of: 4 }),
    );
    expect(await valuesOf(block.weights)).toEqual([0, 0, 1, 1, 0, 0, 1, 1]);
    expect(await valuesOf(block.errors)).toEqual([1, 1, 0, 0, 1, 1, 0, 0]);
  });
}
