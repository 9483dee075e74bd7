/**
 * One optimizer step of a layer's rotation, and the floor that its matrix products set: each product's operations over
 * the rate, measured in the same process, of the precision it runs in. By default (tf32) what only guides the search,
 * `W R1` and the gradients, runs in bf16 and the rest in tf32.
 */
import * as tf from "@tensorflow/tfjs-core";
import { openBackend } from "../../../daemon/backend/index.ts";
import {
  buildMetric,
  createLayerProblem,
  DEFAULT_PHASES,
  disposeMetric,
  identityRotation,
  learnRotation,
  stepFlops,
  type LayerMatrices,
} from "../../../daemon/method/index.ts";
import {
  matrixShape,
  OBJECTIVES,
  ROLES,
  type LayerShape,
  type Role,
} from "../../../daemon/vocabulary.ts";
import { round, type Row } from "../report.ts";
import { productRate } from "./rates.ts";
import { hessian, normalTensor, SHAPES, type ShapeName } from "./shapes.ts";

const METHOD = "sparsegpt";
const PATTERN = { kind: "nm", keep: 2, of: 4 } as const;
const WARM_UP = 6;
const STEPS = 26;
/** The others together are small. */
const MOST_KERNELS = 16;

/** A layer of random weights and inputs, ready to learn; `dispose` frees all of it. */
async function randomProblem(shape: LayerShape) {
  const matrices = Object.fromEntries(
    ROLES.map((role) => [role, normalTensor(...matrixShape(role, shape))]),
  ) as Record<Role, tf.Tensor2D> satisfies LayerMatrices;
  const hessians = {
    qkv: hessian(shape.d),
    o: hessian(shape.heads * shape.headDim),
    mlp: hessian(shape.d),
    down: hessian(shape.ffn),
  };
  // Until here it is queued; the inverses are timed alone.
  await settled(hessians.down);
  const before = performance.now();
  const { metric } = await buildMetric(METHOD, hessians, shape, 0.01);
  if (metric.method === METHOD) await settled(metric.down);
  const metricSeconds = (performance.now() - before) / 1000;
  const problem = createLayerProblem(matrices, metric, shape, PATTERN);
  const start = identityRotation(shape);
  return {
    problem,
    start,
    metricSeconds,
    dispose: (): void => {
      problem.dispose();
      disposeMetric(metric);
      tf.dispose([Object.values(matrices), start.r1, start.r2]);
    },
  };
}

async function settled(t: tf.Tensor): Promise<void> {
  const one = tf.slice(tf.reshape(t, [-1]), [0], [1]);
  await one.data();
  one.dispose();
}

export async function* stepRows(name: ShapeName): AsyncGenerator<Row> {
  const shape = SHAPES[name];
  const flops = stepFlops(shape, METHOD);
  const search = ROLES.reduce((sum, role) => {
    const [out, columns] = matrixShape(role, shape);
    return sum + 4 * shape.d * out * columns;
  }, 0);
  const rates = { tf32: NaN, bf16: NaN };
  for (const precision of ["bf16", "tf32"] as const) {
    const backend = await openBackend("cuda", { precision });
    rates[precision] = await productRate(Math.min(8192, 2 * shape.d));
    const { problem, start, metricSeconds, dispose } = await randomProblem(shape);
    const floor = search / rates.bf16 + (flops - search) / rates[precision];
    for (const objective of OBJECTIVES) {
      const at: number[] = [];
      const learned = await learnRotation(
        problem,
        {
          steps: STEPS,
          phases: DEFAULT_PHASES[objective],
          onStep: () => at.push(performance.now()),
        },
        start,
      );
      tf.dispose([learned.rotation.r1, learned.rotation.r2]);
      const seconds =
        ((at.at(-1) ?? NaN) - (at[WARM_UP - 1] ?? NaN)) / 1000 / (at.length - WARM_UP);
      yield {
        precision,
        objective,
        "step ms": round(seconds * 1000),
        "TFLOP of a step": round(flops / 1e12),
        "of them search": round(search / 1e12),
        "bf16 TFLOP/s": round(rates.bf16 / 1e12),
        ...(precision === "tf32" ? { "tf32 TFLOP/s": round(rates.tf32 / 1e12) } : {}),
        "floor ms": round(floor * 1000),
        "share of product rate": round(floor / seconds, 2),
        "inverses of the metric s": round(metricSeconds),
        "peak GPU GB": round(peakGpuBytes() / 1e9),
      };
    }
    dispose();
    await backend.dispose();
  }
}

/** Where a step's time goes: milliseconds on the device by kernel and result, one step of each objective. */
export async function* profileRows(name: ShapeName): AsyncGenerator<Row> {
  const backend = await openBackend("cuda");
  const { problem, start, dispose } = await randomProblem(SHAPES[name]);
  for (const objective of OBJECTIVES) {
    const learn = async (steps: number): Promise<void> => {
      const phases = DEFAULT_PHASES[objective];
      const { rotation } = await learnRotation(problem, { steps, phases }, start);
      tf.dispose([rotation.r1, rotation.r2]);
    };
    await learn(3);
    const { kernels } = await tf.profile(async () => {
      await learn(1);
      return [];
    });
    const spent = new Map<string, { ms: number; calls: number }>();
    for (const { name: kernel, outputShapes, kernelTimeMs } of kernels) {
      const key = `${kernel} ${outputShapes.map((dims) => dims.join("×")).join(" ")}`;
      const { ms, calls } = spent.get(key) ?? { ms: 0, calls: 0 };
      spent.set(key, { ms: ms + Number(await kernelTimeMs), calls: calls + 1 });
    }
    const sorted = [...spent].sort(([, a], [, b]) => b.ms - a.ms);
    const total = sorted.reduce((sum, [, { ms }]) => sum + ms, 0);
    yield { objective, kernel: "all", ms: round(total), calls: kernels.length };
    for (const [kernel, { ms, calls }] of sorted.slice(0, MOST_KERNELS)) {
      yield { objective, kernel, ms: round(ms), calls };
    }
  }
  dispose();
  await backend.dispose();
}

export const peakGpuBytes = (): number =>
  (tf.memory() as tf.MemoryInfo & { peakBytesInGPU?: number }).peakBytesInGPU ?? NaN;
