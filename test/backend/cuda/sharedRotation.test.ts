/** A layer's rotation learned by several GPUs: the numbers of one, each with its share of the weights. */
import * as tf from "@tensorflow/tfjs-core";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { listDevices, onGpu, openBackend, type Backend } from "../../../daemon/backend/index.ts";
import type { CudaBackend } from "../../../daemon/backend/cuda/runtime.ts";
import {
  buildMetric,
  createLayerProblem,
  DEFAULT_PHASES,
  disposeEvaluation,
  disposeMetric,
  disposeRotation,
  identityRotation,
  learnRotation,
  type Criterion,
  type Hessians,
  type LayerMatrices,
  type Rotation,
} from "../../../daemon/method/index.ts";
import { pruneOn } from "../../../daemon/pipeline/index.ts";
import type { RotationScope } from "../../../daemon/report.ts";
import {
  matrixShape,
  ROLES,
  type LayerShape,
  type Pattern,
  type PruneMethod,
} from "../../../daemon/vocabulary.ts";
import * as reference from "../../method/reference.ts";
import {
  randomLayer,
  randomRotation,
  SHAPE as SMALL,
  toHessians,
  toMatrices,
  toRotation,
} from "../../method/support.ts";
import { writeTinyModel, writeTinyText } from "../../support/tinyModel.ts";
import { testGpu } from "./testGpu.ts";

// Read by the emulated driver; a machine with real GPUs has what it has.
process.env.EMULATED_GPU_COUNT = "3";
const gpu = await testGpu();
const detail = (await listDevices()).find(({ device }) => device === "cuda")?.detail ?? "";
const available = gpu.kind === "none" ? 0 : 1 + (detail.match(/cuda:[1-9]/g)?.length ?? 0);
if (available < 2) console.log(`shared rotations: not tested, ${gpu.name}`);

/** Too large for stacked matrices: seven terms. */
const SHAPE: LayerShape = { d: 260, heads: 4, kvHeads: 2, headDim: 16, ffn: 132 };
const PATTERN: Pattern = { kind: "nm", keep: 2, of: 4 };
const CRITERIA: readonly Criterion[] = [
  { objective: "entropy" },
  { objective: "pruned-mass", temperature: 0.3 },
];

describe.each([
  { gpus: 2, link: "nvlink", precision: "f32" },
  { gpus: 3, link: "direct", precision: "bf16" },
  { gpus: 3, link: "none", precision: "f32" },
] as const)("$gpus GPUs, link: $link, $precision", ({ gpus, link, precision }) => {
  describe.skipIf(available < gpus)(gpu.name, () => {
    let backend: Backend;
    let cuda: CudaBackend & { readonly runtime: { readonly pool: { readonly usedBytes: number } } };
    beforeAll(async () => {
      process.env.EMULATED_GPU_LINK = link;
      const ordinals = Array.from({ length: gpus }, (_, i) => i).join(",");
      backend = await openBackend(`cuda:${ordinals}`, { precision });
      cuda = tf.backend() as typeof cuda;
    });
    afterAll(async () => {
      await backend.dispose();
      delete process.env.EMULATED_GPU_LINK;
      expect(gpu.emulation?.fault() ?? "").toBe("");
    });

    const usedBytes = (): number[] =>
      Array.from({ length: gpus }, (_, i) => onGpu(i, () => cuda.runtime.pool.usedBytes));

    test.each(
      CRITERIA.flatMap((criterion) =>
        (["magnitude", "wanda", "sparsegpt"] as const).map(
          (method) => [method, criterion] as const,
        ),
      ),
    )(
      "%s, %o: loss and gradients of one GPU, up to the order of sums",
      async (method, criterion) => {
        const before = usedBytes();
        const layer = await largeLayer(method);
        const rotation = turned(SHAPE);
        const alone = await valuesOf(layer.problem(1), rotation, criterion);
        const shared = layer.problem(gpus);
        const together = await valuesOf(shared, rotation, criterion);
        const again = await valuesOf(shared, rotation, criterion);
        expect(relativeError(together.loss, alone.loss)).toBeLessThan(1e-5);
        expect(relativeError(together.gradR1, alone.gradR1)).toBeLessThan(1e-4);
        expect(relativeError(together.gradR2, alone.gradR2)).toBeLessThan(1e-4);
        // A fixed order: the same bytes each time.
        expect(again).toEqual(together);
        layer.dispose();
        disposeRotation(rotation);
        expect(usedBytes()).toEqual(before);
      },
    );

    test("the loss of the float64 reference, where matrices are stacked", async () => {
      const given = randomLayer(SMALL, 3);
      const at = randomRotation(SMALL, 5);
      const { metric } = await buildMetric("sparsegpt", toHessians(given), SMALL, 0.01);
      const matrices = toMatrices(given);
      const problem = createLayerProblem(matrices, metric, SMALL, PATTERN, gpus);
      const rotation = toRotation(at);
      const { loss } = await valuesOf(problem, rotation, { objective: "entropy" });
      const expected = reference.loss("entropy", given, at, SMALL, "sparsegpt", PATTERN);
      const tolerance = precision === "f32" ? 1e-5 : 2e-2;
      expect(Math.abs((loss[0] ?? NaN) / expected - 1)).toBeLessThan(tolerance);
      problem.dispose();
      disposeMetric(metric);
      disposeRotation(rotation);
      tf.dispose(Object.values(matrices));
    });

    test("each holds its share of the weights only, and gives it back", async () => {
      const empty = usedBytes();
      const layer = await largeLayer("wanda");
      const before = usedBytes();
      const weights = Object.values(layer.matrices).reduce((sum, { size }) => sum + 4 * size, 0);
      const largest = Math.max(...Object.values(layer.matrices).map(({ size }) => 4 * size));
      const problem = layer.problem(gpus);
      const shares = usedBytes().map((used, i) => used - (empty[i] ?? 0));
      const onFirst = (shares[0] ?? NaN) - ((before[0] ?? 0) - (empty[0] ?? 0) - weights);
      const all = [onFirst, ...shares.slice(1)];
      expect(all.reduce((sum, share) => sum + share, 0)).toBe(weights);
      for (const share of all.slice(1)) expect(share).toBeGreaterThan(0);
      expect(Math.max(...all)).toBeLessThanOrEqual(weights / gpus + largest);
      problem.dispose();
      expect(usedBytes()).toEqual(before);
      layer.dispose();
    });

    test("learning repeats to the byte and leaves nothing", async () => {
      const layer = await largeLayer("sparsegpt");
      const start = identityRotation(SHAPE);
      const before = usedBytes();
      const problem = layer.problem(gpus);
      const learn = async (): Promise<Float32Array> => {
        const options = { steps: 6, phases: DEFAULT_PHASES["pruned-mass"] };
        const { rotation } = await learnRotation(problem, options, start);
        const values = await rotation.r1.data<"float32">();
        disposeRotation(rotation);
        return values;
      };
      const first = await learn();
      const held = usedBytes();
      expect(await learn()).toEqual(first);
      expect(usedBytes()).toEqual(held);
      problem.dispose();
      disposeRotation(start);
      // The start's own memory is gone from all of them.
      expect(usedBytes().slice(1)).toEqual(before.slice(1));
      layer.dispose();
    });

    test.each<[string, RotationScope, number]>([
      ["with a rotation for each layer", { kind: "layer" }, 2 * 4],
      ["with one for all", { kind: "global" }, 4],
    ])(
      "a whole run %s",
      async (_name, rotation, count) => {
        // For what is quick to compute sharing does not pay, but over a link that gives time back.
        Object.defineProperty(cuda, "linkRate", { value: -1, configurable: true });
        const folder = await mkdtemp(join(tmpdir(), "shared-"));
        try {
          const before = usedBytes();
          const steps: number[][] = [];
          const result = await pruneOn(
            backend,
            {
              checkpoint: await writeTinyModel(folder, { layers: 2 }),
              out: join(folder, "out"),
              calibration: [await writeTinyText(join(folder, "text.txt"))],
              ...{ samples: 3, seqLen: 16, sampling: "sequential", steps: 4, rotation },
            },
            (event) => {
              if (event.type === "step") steps.push(usedBytes());
            },
            new AbortController().signal,
          );
          expect(steps).toHaveLength(count);
          for (const used of steps) {
            for (const [i, bytes] of used.entries()) {
              if (i > 0) expect(bytes).toBeGreaterThan(before[i] ?? NaN);
            }
          }
          const { maxAbsDifference, tolerance } = result.report.selfTest;
          expect(maxAbsDifference).toBeLessThan(tolerance);
          expect(usedBytes()).toEqual(before);
        } finally {
          Reflect.deleteProperty(cuda, "linkRate");
          await rm(folder, { recursive: true, force: true });
        }
      },
      120_000,
    );
  });
});

async function largeLayer(method: PruneMethod) {
  const entries = ROLES.map((role, i) => [role, normals(matrixShape(role, SHAPE), i)] as const);
  const matrices = Object.fromEntries(entries) as LayerMatrices;
  const hessian = (n: number): tf.Tensor2D =>
    tf.tidy(() => {
      const x = normals([2 * n, n], n);
      return tf.div(tf.matMul(x, x, true, false), n);
    });
  const { d, heads, headDim, ffn } = SHAPE;
  const hessians: Hessians = {
    qkv: hessian(d),
    o: hessian(heads * headDim),
    mlp: hessian(d),
    down: hessian(ffn),
  };
  const { metric } = await buildMetric(method, hessians, SHAPE, 0.01);
  const made: { dispose(): void }[] = [];
  return {
    matrices,
    problem(gpus: number) {
      const problem = createLayerProblem(matrices, metric, SHAPE, PATTERN, gpus);
      made.push(problem);
      return problem;
    },
    dispose() {
      for (const problem of made) problem.dispose();
      disposeMetric(metric);
      tf.dispose(Object.values(matrices));
    },
  };
}

const normals = (shape: readonly [number, number], seed: number): tf.Tensor2D =>
  tf.randomNormal([...shape], 0, 1, "float32", seed);

/** A rotation that is none: gradients are asked of any matrix. */
function turned({ d, kvHeads, headDim }: LayerShape): Rotation {
  return tf.tidy(() => ({
    r1: tf.add<tf.Tensor2D>(tf.eye(d), tf.mul(normals([d, d], 91), 0.1)),
    r2: tf.randomNormal<tf.Rank.R3>([kvHeads, headDim, headDim], 0, 1, "float32", 92),
  }));
}

async function valuesOf(
  problem: ReturnType<typeof createLayerProblem>,
  rotation: Rotation,
  criterion: Criterion,
): Promise<Record<"loss" | "gradR1" | "gradR2", Float32Array>> {
  const value = await problem.evaluate(rotation, criterion);
  const [loss, gradR1, gradR2] = await Promise.all([
    value.loss.data<"float32">(),
    value.gradR1.data<"float32">(),
    value.gradR2.data<"float32">(),
  ]);
  disposeEvaluation(value);
  return { loss, gradR1, gradR2 };
}

function relativeError(a: Float32Array, b: Float32Array): number {
  const scale = Math.max(...b.map(Math.abs));
  return Math.max(...a.map((x, i) => Math.abs(x - (b[i] ?? NaN)))) / scale;
}
