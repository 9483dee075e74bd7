/** Many optimizer steps: device memory is the same after the last as after the first, and all comes back at the end. */
import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, test } from "vitest";
import { openBackend } from "../../../daemon/backend/index.ts";
import {
  buildMetric,
  createLayerProblem,
  DEFAULT_PHASES,
  disposeMetric,
  identityRotation,
  learnRotation,
  type Hessians,
} from "../../../daemon/method/index.ts";
import {
  matrixShape,
  OBJECTIVES,
  ROLES,
  type LayerShape,
  type Role,
} from "../../../daemon/vocabulary.ts";
import { testGpu } from "./testGpu.ts";

const gpu = await testGpu();
/** The emulated GPU takes its time. */
const [SHAPE, CALLS, STEPS]: [LayerShape, number, number] =
  gpu.kind === "real"
    ? [{ d: 256, heads: 4, kvHeads: 2, headDim: 64, ffn: 512 }, 20, 50]
    : [{ d: 32, heads: 4, kvHeads: 2, headDim: 8, ffn: 64 }, 5, 4];

const hessian = (n: number): tf.Tensor2D =>
  tf.tidy(() => {
    const x = tf.randomNormal<tf.Rank.R2>([2 * n, n], 0, 1, "float32", n);
    return tf.mul(tf.matMul(x, x, true, false), 1 / n);
  });

const held = (): { tensors: number; bytes: number } => {
  const { numTensors, ...memory } = tf.memory();
  return {
    tensors: numTensors,
    bytes: (memory as unknown as { numBytesInGPU: number }).numBytesInGPU,
  };
};

describe.skipIf(gpu.kind === "none")(gpu.name, () => {
  test.each(OBJECTIVES)("%s: memory stays flat over the steps", async (objective) => {
    const backend = await openBackend("cuda");
    const matrices = Object.fromEntries(
      ROLES.map((role, i) => [
        role,
        tf.randomNormal([...matrixShape(role, SHAPE)], 0, 1, "float32", i),
      ]),
    ) as Record<Role, tf.Tensor2D>;
    const hessians: Hessians = {
      qkv: hessian(SHAPE.d),
      o: hessian(SHAPE.heads * SHAPE.headDim),
      mlp: hessian(SHAPE.d),
      down: hessian(SHAPE.ffn),
    };
    const { metric } = await buildMetric("sparsegpt", hessians, SHAPE, 0.01);
    const problem = createLayerProblem(matrices, metric, SHAPE, { kind: "nm", keep: 2, of: 4 });
    const start = identityRotation(SHAPE);

    const after: { tensors: number; bytes: number }[] = [];
    const losses: number[] = [];
    for (let call = 0; call < CALLS; call++) {
      const options = { steps: STEPS, phases: DEFAULT_PHASES[objective] };
      const learned = await learnRotation(
        problem,
        {
          ...options,
          onStep: ({ loss }) => losses.push(loss),
        },
        start,
      );
      tf.dispose([learned.rotation.r1, learned.rotation.r2]);
      after.push(held());
    }
    expect(after).toEqual(after.map(() => after[0]));
    expect(losses.every(Number.isFinite)).toBe(true);

    problem.dispose();
    disposeMetric(metric);
    tf.dispose([Object.values(matrices), Object.values(hessians), start.r1, start.r2]);
    await backend.dispose();
    if (gpu.emulation) {
      expect(gpu.emulation.fault()).toBe("");
      expect(gpu.emulation.counters()).toMatchObject({
        allocations: 0,
        bytes: 0,
        pinned: 0,
        modules: 0,
        streams: 0,
        events: 0,
        pending: 0,
      });
    }
  });
});
