import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import {
  buildMetric,
  columnWeights,
  disposeMetric,
  identityRotation,
  importance,
} from "../../daemon/method/index.ts";
import { INPUT_KINDS, PRUNE_METHODS } from "../../daemon/vocabulary.ts";
import * as reference from "./reference.ts";
import {
  map,
  mul,
  randomLayer,
  randomRotation,
  read,
  relativeError,
  SHAPE,
  tensor,
  toHessians,
  toRotation,
  transpose,
  useCpu,
} from "./support.ts";

beforeAll(useCpu);

const layer = randomLayer(SHAPE, 1);

describe("column weights", () => {
  it.each(PRUNE_METHODS)(
    "of %s are the reference's, before and after a rotation",
    async (method) => {
      const before = tf.memory().numTensors;
      const hessians = toHessians(layer);
      const { metric, raisedDamping } = await buildMetric(method, hessians, SHAPE, 0.01);
      expect(raisedDamping).toEqual({});
      const rotation = randomRotation(SHAPE, 50);
      const identity = identityRotation(SHAPE);
      const unrotated = {
        r1: await read(identity.r1),
        r2: [await read(identity.r2)].flatMap(halves),
      };
      for (const [tensors, arrays] of [
        [toRotation(rotation), rotation],
        [identity, unrotated],
      ] as const) {
        const c = columnWeights(metric, tensors, SHAPE);
        const expected = reference.columnWeights(method, layer.hessians, arrays, SHAPE);
        for (const kind of INPUT_KINDS) {
          expect(relativeError(await read(c[kind]), [expected[kind]])).toBeLessThan(1e-4);
        }
        tf.dispose([{ ...c }, { ...tensors }]);
      }
      disposeMetric(metric);
      expect(tf.memory().numTensors).toBe(before);
    },
  );

  it("report the damping that an input needed", async () => {
    // Not quite positive semidefinite, as float32 sums can be: 0.01 is too little for one input.
    const x = [[1, 1, 1, 1, 1, 1, 1, 1]];
    const nearly = map(mul(transpose(x), x), (v, i, j) => (i === j ? v : 1.05 * v));
    const hessians = { ...toHessians(layer), mlp: tensor(nearly) };
    const { raisedDamping } = await buildMetric("sparsegpt", hessians, SHAPE, 0.01);
    expect(Object.keys(raisedDamping)).toEqual(["mlp"]);
    expect(raisedDamping.mlp).toBeCloseTo(0.1);
  });
});

it("importance is w² c", async () => {
  const s = importance(
    tensor([
      [1, -2],
      [3, 0],
    ]),
    tf.tensor1d([2, 5]),
  );
  expect(await read(s)).toEqual([
    [2, 20],
    [18, 0],
  ]);
});

/** The two stacked blocks of an identity R2 of the test's shape. */
function halves(rows: number[][]): number[][][] {
  return [rows.slice(0, SHAPE.headDim), rows.slice(SHAPE.headDim)];
}
