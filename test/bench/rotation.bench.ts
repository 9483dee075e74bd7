/**
 * One optimizer step of a layer's rotation against the machine's own matrix products: the share of the BLAS rate that
 * the step's products reach when everything else in the step is counted in. Asked for: at least 0.5.
 */
import * as tf from "@tensorflow/tfjs-core";
import { openBackend } from "../../daemon/backend/index.ts";
import {
  buildMetric,
  createLayerProblem,
  DEFAULT_PHASES,
  identityRotation,
  learnRotation,
  stepFlops,
  type Hessians,
  type LayerMatrices,
} from "../../daemon/method/index.ts";
import {
  matrixShape,
  OBJECTIVES,
  PRUNE_METHODS,
  ROLES,
  type LayerShape,
  type Role,
} from "../../daemon/vocabulary.ts";
import { medianSeconds, report, round, type Row } from "./report.ts";

/** Proportions of LLaMA 3: GQA of 4, FFN of 3.5 d. */
const shapeOf = (d: number): LayerShape => ({
  d,
  heads: d / 64,
  kvHeads: d / 256,
  headDim: 64,
  ffn: 3.5 * d,
});

async function gemmRate(n: number): Promise<number> {
  const a = tf.randomNormal([n, n]);
  const seconds = await medianSeconds(7, async () => {
    const c = tf.matMul(a, a);
    await c.data();
    c.dispose();
  });
  a.dispose();
  return (2 * n ** 3) / seconds;
}

function hessian(n: number): tf.Tensor2D {
  return tf.tidy(() => {
    const x = tf.mul<tf.Tensor2D>(tf.randomNormal([2 * n, n]), tf.exp(tf.randomNormal([n])));
    return tf.mul(tf.matMul(x, x, true, false), 1 / n);
  });
}

const backend = await openBackend("wasm");
const rows: Row[] = [];
for (const d of [512, 1024]) {
  /** Best of all products timed at this size, before and after each row: the machine's clock wanders. */
  let rate = await gemmRate(d);
  const timed: { labels: Row; seconds: number; flops: number; beside: number | null }[] = [];
  const shape = shapeOf(d);
  const matrices = Object.fromEntries(
    ROLES.map((role) => [role, tf.randomNormal([...matrixShape(role, shape)])]),
  ) as Record<Role, tf.Tensor2D> satisfies LayerMatrices;
  const hessians: Hessians = {
    qkv: hessian(d),
    o: hessian(shape.heads * shape.headDim),
    mlp: hessian(d),
    down: hessian(shape.ffn),
  };
  for (const method of PRUNE_METHODS) {
    // Taken over by each metric.
    const own: Hessians = {
      qkv: hessians.qkv.clone(),
      o: hessians.o.clone(),
      mlp: hessians.mlp.clone(),
      down: hessians.down.clone(),
    };
    const { metric } = await buildMetric(method, own, shape, 0.01);
    for (const pattern of [
      { kind: "nm", keep: 2, of: 4 },
      { kind: "unstructured", share: 0.5 },
    ] as const) {
      const problem = createLayerProblem(matrices, metric, shape, pattern);
      const start = identityRotation(shape);
      for (const objective of OBJECTIVES) {
        const phases = DEFAULT_PHASES[objective];
        const steps = 8;
        const learning = (entropyAt?: () => boolean) =>
          medianSeconds(3, async () => {
            const learned = await learnRotation(problem, { steps, phases, entropyAt }, start);
            tf.dispose([learned.rotation.r1, learned.rotation.r2]);
          });
        const seconds = await learning();
        // Entropy is the loss of one objective; a run computes it beside the other at every tenth step.
        const beside = objective === "entropy" ? null : (await learning(() => true)) / seconds - 1;
        rate = Math.max(rate, await gemmRate(d));
        timed.push({
          labels: { d, method, pattern: pattern.kind === "nm" ? "2:4" : "50 %", objective },
          seconds: seconds / steps,
          flops: stepFlops(shape, method),
          beside,
        });
      }
      problem.dispose();
    }
  }
  for (const { labels, seconds, flops, beside } of timed) {
    rows.push({
      ...labels,
      "step ms": round(seconds * 1000),
      "GFLOP/s of the step": round(flops / seconds / 1e9),
      "BLAS GFLOP/s": round(rate / 1e9),
      "share of BLAS": round(flops / seconds / rate, 2),
      "entropy every 10th step %": beside === null ? "–" : round(beside * 10),
    });
  }
}
report(backend.description, rows);
await backend.dispose();
