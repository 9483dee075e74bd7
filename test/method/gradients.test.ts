import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/register_all_gradients.js";
import { beforeAll, describe, expect, it } from "vitest";
import {
  buildMetric,
  createLayerProblem,
  disposeRotation,
  identityRotation,
  measure,
  type Criterion,
  type LayerProblem,
} from "../../daemon/method/index.ts";
import {
  OBJECTIVES,
  PRUNE_METHODS,
  ROLES,
  type Objective,
  type Pattern,
  type PruneMethod,
} from "../../daemon/vocabulary.ts";
import * as reference from "./reference.ts";
import {
  inverse,
  map,
  measured,
  randomLayer,
  randomRotation,
  read,
  relativeError,
  SHAPE,
  tensor,
  toHessians,
  toMatrices,
  toRotation,
  useCpu,
  type Matrix,
  type ReferenceRotation,
} from "./support.ts";

beforeAll(useCpu);

const layer = randomLayer(SHAPE, 1);
const rotation = randomRotation(SHAPE, 50);
const TWO_OF_FOUR: Pattern = { kind: "nm", keep: 2, of: 4 };
const HALF: Pattern = { kind: "unstructured", share: 0.5 };
const CASES = PRUNE_METHODS.flatMap((method) =>
  OBJECTIVES.flatMap((objective) =>
    (objective === "entropy" ? [HALF] : [TWO_OF_FOUR, HALF]).map(
      (pattern) => [method, objective, pattern] as const,
    ),
  ),
);

async function problemOf(method: PruneMethod, pattern: Pattern): Promise<LayerProblem> {
  const { metric } = await buildMetric(method, toHessians(layer), SHAPE, 0.01);
  return createLayerProblem(toMatrices(layer), metric, SHAPE, pattern);
}

const criterion = (objective: Objective): Criterion => ({ objective, temperature: 0 });

describe("a layer's problem", () => {
  it.each(CASES)(
    "%s, %s, %o: loss and gradients are the float64 reference's",
    async (method, objective, pattern) => {
      const problem = await problemOf(method, pattern);
      const before = tf.memory().numTensors;
      const value = await problem.evaluate(toRotation(rotation), criterion(objective));
      // The evaluation's three tensors and the rotation's two.
      expect(tf.memory().numTensors - before).toBe(5);

      const f = (at: ReferenceRotation): number =>
        reference.loss(objective, layer, at, SHAPE, method, pattern);
      const expected = f(rotation);
      const [loss = NaN] = await value.loss.data();
      expect(Math.abs(loss / expected - 1)).toBeLessThan(1e-5);

      const gradR1 = differences(rotation.r1, (r1) => f({ ...rotation, r1 }));
      expect(relativeError(await read(value.gradR1), gradR1)).toBeLessThan(1e-3);
      const gradR2 = rotation.r2.flatMap((block, k) =>
        differences(block, (moved) =>
          f({ ...rotation, r2: rotation.r2.map((other, i) => (i === k ? moved : other)) }),
        ),
      );
      expect(relativeError(await read(value.gradR2), gradR2)).toBeLessThan(1e-3);
    },
  );

  it.each([
    ...CASES.map((given) => [...given, 0] as const),
    ...PRUNE_METHODS.map((method) => [method, "pruned-mass", TWO_OF_FOUR, 0.5] as const),
    ["wanda", "pruned-mass", HALF, 2] as const,
  ])(
    "%s, %s, %o at temperature %d: loss and gradients are those of TensorFlow.js' autodiff",
    async (method, objective, pattern, temperature) => {
      const problem = await problemOf(method, pattern);
      const { r1, r2 } = toRotation(rotation);
      const value = await problem.evaluate({ r1, r2 }, { objective, temperature });
      const masks = prunedMasks(method, pattern, temperature);
      const { value: loss, grads } = tf.valueAndGrads((a, ...blocks) =>
        autodiffLoss(objective, method, a as tf.Tensor2D, blocks as tf.Tensor2D[], masks),
      )([r1, ...(tf.unstack(r2) as tf.Tensor2D[])]);
      expect(relativeError(await read(value.loss), await read(loss))).toBeLessThan(1e-5);
      const [gradR1, gradR2] = [tf.concat(grads.slice(0, 1), 0), tf.concat(grads.slice(1), 0)];
      expect(relativeError(await read(value.gradR1), await read(gradR1))).toBeLessThan(1e-3);
      expect(relativeError(await read(value.gradR2), await read(gradR2))).toBeLessThan(1e-3);
    },
  );
});

describe("measure", () => {
  it("of a layer as it is gives what the identity gives", async () => {
    const problem = await problemOf("sparsegpt", { kind: "nm", keep: 2, of: 4 });
    const before = tf.memory().numTensors;
    const plain = await measure(problem, null);
    expect(tf.memory().numTensors).toBe(before);
    const identity = identityRotation(SHAPE);
    expect(plain).toEqual(await measured(problem, identity));
    disposeRotation(identity);
  });

  it("reports both figures of every matrix, summing to the objectives", async () => {
    const pattern: Pattern = { kind: "nm", keep: 2, of: 4 };
    const problem = await problemOf("wanda", pattern);
    const before = tf.memory().numTensors;
    const figures = await measured(problem, toRotation(rotation));
    expect(tf.memory().numTensors - before).toBe(2);
    const expected = reference.figures(layer, rotation, SHAPE, "wanda", pattern);
    for (const role of ROLES) {
      const rows = layer.matrices[role].length;
      expect(figures.perMatrix[role].entropy).toBeCloseTo(expected[role].entropy, 3);
      expect(figures.perMatrix[role].prunedMassShare).toBeCloseTo(
        expected[role].prunedMass / rows,
        5,
      );
    }
    for (const [objective, figure] of [
      ["entropy", figures.entropy],
      ["pruned-mass", figures.prunedMass],
    ] as const) {
      const whole = reference.loss(objective, layer, rotation, SHAPE, "wanda", pattern);
      expect(Math.abs(figure / whole - 1)).toBeLessThan(1e-5);
    }
  });
});

/** Central differences of a float64 function, entry by entry. */
function differences(at: Matrix, f: (moved: Matrix) => number): number[][] {
  const h = 1e-6;
  const moved = (i: number, j: number, by: number): Matrix =>
    map(at, (x, k, l) => (k === i && l === j ? x + by : x));
  return map(at, (_, i, j) => (f(moved(i, j, h)) - f(moved(i, j, -h))) / (2 * h));
}

/** The pattern's masks at `rotation`, softened by `temperature`: constants for autodiff as for the closed form. */
function prunedMasks(
  method: PruneMethod,
  pattern: Pattern,
  temperature: number,
): Record<string, Matrix> {
  const w = reference.fold(layer.matrices, rotation, SHAPE);
  const c = reference.columnWeights(method, layer.hessians, rotation, SHAPE);
  const inputOf = { q: c.qkv, k: c.qkv, v: c.qkv, o: c.o, gate: c.mlp, up: c.mlp, down: c.down };
  return Object.fromEntries(
    ROLES.map((role) => [
      role,
      map(w[role], (_, i, j) => {
        const row = (w[role][i] ?? []).map((x, k) => x * x * (inputOf[role][k] ?? NaN));
        const [from, size, count] =
          pattern.kind === "nm"
            ? [j - (j % pattern.of), pattern.of, pattern.of - pattern.keep]
            : [0, row.length, Math.floor(pattern.share * row.length)];
        const s = row[j] ?? NaN;
        const sorted = row.slice(from, from + size).sort((a, b) => a - b);
        if (temperature === 0) return sorted.indexOf(s) < count ? 1 : 0;
        const threshold = Math.sqrt((sorted[count - 1] ?? NaN) * (sorted[count] ?? NaN));
        return 1 / (1 + (s / threshold) ** (1 / temperature));
      }),
    ]),
  );
}

/** The prototype's loss in ordinary TensorFlow.js operations with dense block-diagonal rotations. */
function autodiffLoss(
  objective: Objective,
  method: PruneMethod,
  r1: tf.Tensor2D,
  r2: tf.Tensor2D[],
  masks: Record<string, Matrix>,
): tf.Scalar {
  const m = toMatrices(layer);
  const group = SHAPE.heads / SHAPE.kvHeads;
  const place = (block: tf.Tensor2D, k: number, blocks: number): tf.Tensor2D =>
    tf.pad(block, [
      [k * SHAPE.headDim, (blocks - 1 - k) * SHAPE.headDim],
      [k * SHAPE.headDim, (blocks - 1 - k) * SHAPE.headDim],
    ]);
  const bv = total(r2.map((block, k) => place(block, k, SHAPE.kvHeads)));
  const bo = total(
    r2.flatMap((block, k) =>
      Array.from({ length: group }, (_, g) => place(block, k * group + g, SHAPE.heads)),
    ),
  );
  const w = {
    q: tf.matMul(m.q, r1),
    k: tf.matMul(m.k, r1),
    v: tf.matMul(tf.matMul(bv, m.v, true), r1),
    o: tf.matMul(tf.matMul(r1, m.o, true), bo),
    gate: tf.matMul(m.gate, r1),
    up: tf.matMul(m.up, r1),
    down: tf.matMul(r1, m.down, true),
  };
  const column = (kind: "qkv" | "o" | "mlp" | "down", r: tf.Tensor2D): tf.Tensor => {
    if (method === "magnitude") return tf.scalar(1);
    const h = layer.hessians[kind];
    const matrix = method === "wanda" ? h : inverse(reference.damped(h, 0.01));
    const c = tf.sum(tf.mul(tf.matMul(tensor(matrix), r), r), 0);
    return method === "wanda" ? c : tf.reciprocal(c);
  };
  const c = {
    qkv: column("qkv", r1),
    mlp: column("mlp", r1),
    o: column("o", bo),
    down: column("down", tf.eye(SHAPE.ffn)),
  };
  const inputs = { q: c.qkv, k: c.qkv, v: c.qkv, o: c.o, gate: c.mlp, up: c.mlp, down: c.down };
  const terms = ROLES.flatMap((role): tf.Tensor[] => {
    const s = tf.mul(tf.square(w[role]), inputs[role]);
    if (objective === "pruned-mass") {
      const lost = tf.sum(tf.mul(s, tensor(masks[role] ?? [])), 1);
      return [tf.sum(tf.div(lost, tf.sum(s, 1)))];
    }
    const entropy = (axis: number): tf.Tensor => {
      const p = tf.div(s, tf.sum(s, axis, true));
      return tf.neg(tf.sum(tf.mul(p, tf.log(p))));
    };
    const axes = role === "down" ? [0] : role === "v" || role === "o" ? [1, 0] : [1];
    return axes.map(entropy);
  });
  return total(terms) as tf.Scalar;
}

/** `tf.addN` has no gradient. */
function total<T extends tf.Tensor>(terms: readonly T[]): T {
  return terms.reduce((sum, term) => tf.add<T>(sum, term));
}
