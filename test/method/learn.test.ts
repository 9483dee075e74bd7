import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import {
  buildMetric,
  createJointProblem,
  createLayerProblem,
  DEFAULT_PHASES,
  disposeRotation,
  identityRotation,
  learnRotation,
  splitRotation,
  type Criterion,
  type LayerProblem,
  type LearnOptions,
  type Phase,
  type Rotation,
  type StepReport,
} from "../../daemon/method/index.ts";
import {
  OBJECTIVES,
  PRUNE_METHODS,
  type Pattern,
  type PruneMethod,
} from "../../daemon/vocabulary.ts";
import {
  measured,
  orthogonalityError,
  randomLayer,
  read,
  SHAPE,
  toHessians,
  toMatrices,
  useCpu,
} from "./support.ts";

beforeAll(useCpu);

const ENTROPY = { objective: "entropy" } as const;
const PATTERN: Pattern = { kind: "nm", keep: 2, of: 4 };

async function problemOf(method: PruneMethod, seed = 1): Promise<LayerProblem> {
  const layer = randomLayer(SHAPE, seed);
  const { metric } = await buildMetric(method, toHessians(layer), SHAPE, 0.01);
  return createLayerProblem(toMatrices(layer), metric, SHAPE, PATTERN);
}

const entropyOnly = (steps: number): LearnOptions => ({
  steps,
  phases: DEFAULT_PHASES.entropy,
  learningRate: 0.1,
});

/** The prototype's two phases. */
const TWO_PHASES: readonly Phase[] = [
  { objective: "entropy", share: 0.3, rate: 1 },
  { objective: "pruned-mass", share: 0.7, rate: 0.5 },
];

describe("learnRotation", () => {
  it.each(PRUNE_METHODS.flatMap((method) => OBJECTIVES.map((o) => [method, o] as const)))(
    "%s: lowers %s, and the rotation is orthogonal",
    async (method, objective) => {
      const problem = await problemOf(method);
      const start = identityRotation(SHAPE);
      const before = await measured(problem, start);
      const options = { steps: 40, phases: DEFAULT_PHASES[objective] };
      const { rotation, phases } = await learnRotation(problem, options, start);
      const after = await measured(problem, rotation);
      const figure = objective === "entropy" ? "entropy" : "prunedMass";
      expect(after[figure]).toBeLessThan(0.97 * before[figure]);
      expect(phases.map(({ steps }) => steps)).toEqual([40]);
      expect(await orthogonalityError(rotation.r1)).toBeLessThan(2e-6);
      expect(await orthogonalityError(rotation.r2)).toBeLessThan(2e-6);
    },
  );

  it("is repeated bit by bit", async () => {
    const problem = await problemOf("wanda");
    const bits = async (): Promise<number[][]> => {
      const { rotation } = await learnRotation(
        problem,
        { steps: 20, phases: DEFAULT_PHASES["pruned-mass"] },
        identityRotation(SHAPE),
      );
      return [...(await read(rotation.r1)), ...(await read(rotation.r2))];
    };
    expect(await bits()).toEqual(await bits());
  });

  it("runs the phases one after the other and reports every step", async () => {
    const reports: StepReport[] = [];
    const { phases } = await learnRotation(
      await problemOf("wanda"),
      {
        steps: 10,
        phases: TWO_PHASES,
        onStep: (step) => reports.push(step),
      },
      identityRotation(SHAPE),
    );
    expect(reports.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(reports.map(({ objective }) => objective)).toEqual([
      ...new Array<string>(3).fill("entropy"),
      ...new Array<string>(7).fill("pruned-mass"),
    ]);
    expect(phases.map(({ steps }) => steps)).toEqual([3, 7]);
    const losses = reports.slice(3).map(({ loss }) => loss);
    expect(phases[1]).toMatchObject({ firstLoss: losses[0], keptLoss: Math.min(...losses) });
  });

  it("asks for the loss of a step before it moves, so that it need not wait for the move", async () => {
    const problem = await problemOf("wanda");
    /** Tensors when a step was evaluated, and when its loss was asked for. */
    const evaluated: number[] = [];
    const asked: number[] = [];
    const watched = {
      ...problem,
      evaluate: async (...of: Parameters<LayerProblem["evaluate"]>) => {
        const value = await problem.evaluate(...of);
        const data = value.loss.data.bind(value.loss);
        value.loss.data = () => {
          asked.push(tf.memory().numTensors);
          return data();
        };
        evaluated.push(tf.memory().numTensors);
        return value;
      },
    };
    const options = { steps: 3, phases: DEFAULT_PHASES["pruned-mass"] };
    await learnRotation(watched, options, identityRotation(SHAPE));
    expect(evaluated).toHaveLength(3);
    expect(asked).toEqual(evaluated);
  });

  it("keeps the best rotation of a phase", async () => {
    const problem = await problemOf("wanda");
    // Steps far too long: the loss goes up and down.
    const options = { steps: 25, phases: TWO_PHASES, learningRate: 1 };
    const { rotation, phases } = await learnRotation(problem, options, identityRotation(SHAPE));
    const { prunedMass } = await measured(problem, rotation);
    expect(Math.abs((phases[1]?.keptLoss ?? NaN) / prunedMass - 1)).toBeLessThan(1e-4);
  });

  it("anneals the temperature and keeps the last rotation then", async () => {
    const problem = await problemOf("wanda");
    const temperatures: number[] = [];
    const watched = {
      ...problem,
      evaluate: (rotation: Rotation, criterion: Criterion) => {
        if (criterion.objective === "pruned-mass") temperatures.push(criterion.temperature);
        return problem.evaluate(rotation, criterion);
      },
    };
    const losses: number[] = [];
    const { phases } = await learnRotation(
      watched,
      {
        steps: 4,
        phases: [{ objective: "pruned-mass", share: 1, rate: 1, temperature: { from: 16, to: 1 } }],
        onStep: ({ loss }) => losses.push(loss),
      },
      identityRotation(SHAPE),
    );
    expect(temperatures).toEqual([16, 8, 4, 2]);
    expect(phases[0]?.keptLoss).toBe(losses.at(-1));
  });

  it.each(["own", "joint"] as const)(
    "tells the entropy beside another objective where it is wanted, and learns the same bits (%s R1)",
    async (kind) => {
      const layers = [await problemOf("sparsegpt"), await problemOf("sparsegpt", 2)];
      const [own] = layers;
      if (!own) throw new Error("no layer");
      const joint = createJointProblem({
        count: layers.length,
        shape: SHAPE,
        load: (i) => Promise.resolve(layers[i] ?? own),
        release: () => undefined,
      });
      const problem = kind === "own" ? own : joint;
      const count = kind === "own" ? 1 : layers.length;
      const rotations: Rotation[] = [];
      const watched = {
        ...problem,
        evaluate: (rotation: Rotation, criterion: Criterion, withEntropy?: boolean) => {
          if (withEntropy) {
            rotations.push({ r1: tf.clone(rotation.r1), r2: tf.clone(rotation.r2) });
          }
          return problem.evaluate(rotation, criterion, withEntropy);
        },
      };
      const start = tf.tidy(() => {
        const { r1, r2 } = identityRotation(SHAPE);
        return { r1, r2: tf.tile(r2, [count, 1, 1]) };
      });
      const told: (number | undefined)[] = [];
      const options = { steps: 5, phases: DEFAULT_PHASES["pruned-mass"] };
      const tensors = tf.memory().numTensors;
      const learned = await learnRotation(
        watched,
        {
          ...options,
          entropyAt: (step) => step === 1 || step === 4,
          onStep: ({ entropy }) => told.push(entropy),
        },
        start,
      );
      expect(tf.memory().numTensors - tensors).toBe(2 + 2 * rotations.length);
      expect(told.map((entropy) => entropy !== undefined)).toEqual([
        true,
        false,
        false,
        true,
        false,
      ]);

      const known = told.filter((entropy) => entropy !== undefined);
      for (const [i, rotation] of rotations.entries()) {
        let expected = 0;
        for (const [k, part] of splitRotation(rotation, count).entries()) {
          expected += (await measured(layers[k] ?? own, part)).entropy;
        }
        expect(Math.abs((known[i] ?? NaN) / expected - 1)).toBeLessThan(1e-5);
      }
      const plain = await learnRotation(problem, options, start);
      expect(await read(learned.rotation.r1)).toEqual(await read(plain.rotation.r1));
      expect(await read(learned.rotation.r2)).toEqual(await read(plain.rotation.r2));
    },
  );

  it("ends a phase on a plateau, not before its second half", async () => {
    // Nothing to gain: the learning rate is 0.
    const { phases } = await learnRotation(
      await problemOf("magnitude"),
      { ...entropyOnly(100), learningRate: 0 },
      identityRotation(SHAPE),
    );
    expect(phases).toMatchObject([{ ended: "plateau" }]);
    expect(phases[0]?.steps).toBeGreaterThanOrEqual(50);
    expect(phases[0]?.steps).toBeLessThan(100);
  });

  it("without steps returns the start", async () => {
    const start = identityRotation(SHAPE);
    const { rotation } = await learnRotation(await problemOf("wanda"), entropyOnly(0), start);
    expect(await read(rotation.r1)).toEqual(await read(start.r1));
  });

  it("leaves no tensor behind but the rotation", async () => {
    const problem = await problemOf("sparsegpt");
    const start = identityRotation(SHAPE);
    const before = tf.memory().numTensors;
    const options = { steps: 6, phases: DEFAULT_PHASES["pruned-mass"] };
    const { rotation } = await learnRotation(problem, options, start);
    disposeRotation(rotation);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("stops when cancelled by an event, with a code and no tensor left", async () => {
    const problem = await problemOf("wanda");
    const start = identityRotation(SHAPE);
    const before = tf.memory().numTensors;
    const controller = new AbortController();
    let steps = 0;
    setTimeout(() => {
      controller.abort();
    }, 20);
    const run = learnRotation(
      problem,
      { ...entropyOnly(100_000), signal: controller.signal, onStep: () => (steps += 1) },
      start,
    );
    await expect(run).rejects.toMatchObject({ code: "method/cancelled", kind: "cancelled" });
    expect(steps).toBeLessThan(100_000);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("fails with a code when the loss is not a number", async () => {
    const problem = await problemOf("wanda");
    const broken = {
      ...problem,
      evaluate: async (...given: Parameters<LayerProblem["evaluate"]>) => {
        const value = await problem.evaluate(...given);
        return { ...value, loss: tf.scalar(NaN) };
      },
    };
    await expect(
      learnRotation(broken, entropyOnly(5), identityRotation(SHAPE)),
    ).rejects.toMatchObject({ code: "method/loss-not-finite" });
    const subject = { name: "layer 7", stepsBefore: 50 };
    await expect(
      learnRotation(broken, { ...entropyOnly(5), subject }, identityRotation(SHAPE)),
    ).rejects.toThrow("The loss of the rotation of layer 7 became NaN or Inf at step 51");
  });
});

describe("a joint problem", () => {
  const sourceOf = (problems: readonly LayerProblem[], released: number[] = []) => ({
    count: problems.length,
    shape: SHAPE,
    load: (i: number) => {
      const problem = problems[i];
      return problem ? Promise.resolve(problem) : Promise.reject(new RangeError(`layer ${i}`));
    },
    release: (_: LayerProblem, i: number) => {
      released.push(i);
    },
  });

  it("of one layer is that layer's problem, bit by bit", async () => {
    const problem = await problemOf("wanda");
    const start = identityRotation(SHAPE);
    const alone = await learnRotation(problem, entropyOnly(10), start);
    const joint = await learnRotation(
      createJointProblem(sourceOf([problem])),
      entropyOnly(10),
      start,
    );
    expect(await read(joint.rotation.r1)).toEqual(await read(alone.rotation.r1));
    expect(await read(joint.rotation.r2)).toEqual(await read(alone.rotation.r2));
  });

  it("of two layers sums their losses and R1's gradients; R2 stays each layer's own", async () => {
    const problems = [await problemOf("wanda", 1), await problemOf("wanda", 30)];
    const released: number[] = [];
    const joint = createJointProblem(sourceOf(problems, released));
    const single = identityRotation(SHAPE);
    const both = { r1: single.r1, r2: tf.concat([single.r2, single.r2], 0) };
    const before = tf.memory().numTensors;
    const value = await joint.evaluate(both, ENTROPY);
    expect(tf.memory().numTensors - before).toBe(3);
    expect(released).toEqual([0, 1]);

    const parts = await Promise.all(problems.map((p) => p.evaluate(single, ENTROPY)));
    const losses = await Promise.all(parts.map(async ({ loss }) => (await loss.data())[0] ?? NaN));
    expect((await value.loss.data())[0]).toBeCloseTo((losses[0] ?? NaN) + (losses[1] ?? NaN), 3);
    const sum = tf.addN(parts.map(({ gradR1 }) => gradR1));
    expect(await read(value.gradR1)).toEqual(await read(sum));
    expect(await read(value.gradR2)).toEqual(
      await read(
        tf.concat(
          parts.map(({ gradR2 }) => gradR2),
          0,
        ),
      ),
    );
  });

  it("learns one R1 that serves both layers, split into the layers' rotations", async () => {
    const problems = [await problemOf("wanda", 1), await problemOf("wanda", 30)];
    const single = identityRotation(SHAPE);
    const start = { r1: single.r1, r2: tf.concat([single.r2, single.r2], 0) };
    const options = { steps: 40, phases: DEFAULT_PHASES["pruned-mass"] };
    const { rotation } = await learnRotation(
      createJointProblem(sourceOf(problems)),
      options,
      start,
    );
    const each = splitRotation(rotation, 2);
    expect(await read(each[1]?.r2 as tf.Tensor)).toEqual((await read(rotation.r2)).slice(6));
    const mass = async (rotations: typeof each): Promise<number> => {
      const figures = await Promise.all(
        problems.map((p, i) => measured(p, rotations[i] ?? single)),
      );
      return figures.reduce((sum, { prunedMass }) => sum + prunedMass, 0);
    };
    expect(await mass(each)).toBeLessThan(0.97 * (await mass([single, single])));
  });
});
