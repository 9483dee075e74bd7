/**
 * Learning the rotation of a scope: the layers that share one R1. First every layer's metric is collected, dense, on
 * the stream that enters the scope; then R1 and each layer's R2 are learned together.
 */
import type * as tf from "@tensorflow/tfjs-core";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { buildMetric, disposeRotation, splitRotation, type Rotation } from "../method/index.ts";
import { disposeLayer, type DecoderLayer } from "../model/index.ts";
import type { CurvePoint, Fallback } from "../report.ts";
import { INPUT_KINDS } from "../vocabulary.ts";
import { writeStream, type StreamReader } from "./activations.ts";
import { collectHessians, propagate } from "./collect.ts";
import { learnRotations } from "./learnRotations.ts";
import { fileStore, memoryStore, type MetricStore } from "./metricStore.ts";
import { readRotationFile, writeRotationFile, type SavedRotation } from "./rotationFile.ts";
import { fallbackLog, type Run } from "./run.ts";
import type { Scope } from "./scopeLayers.ts";

export interface ScopeRotation {
  /** Of each layer of the scope, in order. */
  readonly rotations: readonly Rotation[];
  /** New order of each layer's FFN neurons; null where they keep their places. */
  readonly neurons: readonly Int32Array[] | null;
  readonly curve: readonly CurvePoint[];
  readonly fallbacks: readonly Fallback[];
  readonly metrics: MetricStore;
  dispose(): void;
}

/** What enters the scope; null for magnitude, which looks at no activations. */
export interface ScopeInput {
  readonly stream: StreamReader;
  /** R1 of the layer before, in whose basis the stream is; null before the first layer. */
  readonly basis: tf.Tensor2D | null;
}

export async function learnScope(
  run: Run,
  scope: Scope,
  input: ScopeInput | null,
): Promise<ScopeRotation> {
  const count = scope.end - scope.first;
  const metrics = count === 1 ? memoryStore() : fileStore((i) => run.work.metric(i));
  const path = run.work.rotation(scope.first);
  let saved: SavedRotation;
  if (existsSync(path)) {
    saved = await readRotationFile(path);
  } else {
    const { log, note } = fallbackLog(run);
    await collectMetrics(run, scope, input, metrics, note);
    saved = { ...(await learnRotations(run, scope, metrics)), fallbacks: log };
    if (count > 1) await writeRotationFile(path, saved);
  }
  const rotations = splitRotation(saved.rotation, count);
  disposeRotation(saved.rotation);
  return {
    rotations,
    neurons: saved.neurons,
    curve: saved.curve,
    fallbacks: saved.fallbacks,
    metrics,
    dispose() {
      rotations.forEach(disposeRotation);
    },
  };
}

async function collectMetrics(
  run: Run,
  { first, end }: Scope,
  input: ScopeInput | null,
  metrics: MetricStore,
  note: (fallback: Fallback) => void,
): Promise<void> {
  const { method, damping } = run.recipe;
  const { shape } = run.model.config;
  if (method === "magnitude" || input === null) {
    for (let i = first; i < end; i++) await metrics.put(i, { method: "magnitude" });
    return;
  }
  let stream = input.stream;
  try {
    for (let i = first; i < end; i++) {
      run.progress.start("collect", i);
      // A layer alone is looked at again for its rotation.
      const own = end - first === 1;
      const folded = await (own ? run.dense.borrow(i) : run.dense.take(i));
      // The stream enters the scope in the basis of the layer before it; x · basisᵀ brings it back to the model's.
      const layer: DecoderLayer = { ...folded, entry: i === first ? input.basis : null };
      const { context, signal } = run;
      const onProgress = (share: number) => {
        run.progress.at(share);
      };
      const pass = { layer, index: i, context, signal, onProgress };
      const hessians = await collectHessians(stream, INPUT_KINDS, pass);
      if (i < end - 1) {
        // Inside a scope the next layer sees this one's dense output.
        const source = stream;
        const last = source !== input.stream;
        const path = run.work.scratch(`dense-${i % 2}.f32`);
        stream = await writeStream(
          path,
          source.shape,
          (target) => propagate(source, target, { ...pass, last }),
          { scratch: true },
        );
        if (source !== input.stream) await source.close();
      }
      disposeLayer(folded);
      const built = await buildMetric(method, hessians, shape, damping);
      for (const [kind, used] of Object.entries(built.raisedDamping)) {
        const what = `damping raised from ${damping} to ${used}: the Hessian of ${kind} was not positive definite`;
        note({ layer: i, role: "rotation", what });
      }
      await metrics.put(i, built.metric);
    }
  } finally {
    if (stream !== input.stream) await stream.close();
  }
  await rm(run.work.scratch("dense-0.f32"), { force: true });
  await rm(run.work.scratch("dense-1.f32"), { force: true });
}
