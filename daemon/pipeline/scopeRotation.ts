/**
 * Learning the rotation of a scope: the layers that share one R1. First every layer's metric is collected, dense, on
 * the stream that enters the scope; then R1 and each layer's R2 are learned together.
 */
import * as tf from "@tensorflow/tfjs-core";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import {
  buildMetric,
  createJointProblem,
  createLayerProblem,
  disposeRotation,
  identityRotation,
  learnRotation,
  splitRotation,
  DEFAULT_PHASES,
  type LayerProblem,
  type Rotation,
} from "../method/index.ts";
import { disposeLayer, type DecoderLayer } from "../model/index.ts";
import type { CurvePoint, Fallback } from "../report.ts";
import { INPUT_KINDS } from "../vocabulary.ts";
import { createStream, type StreamReader } from "./activations.ts";
import { collectHessians, propagate } from "./collect.ts";
import { readFoldedLayer } from "./denseLayer.ts";
import { layerElements } from "./estimate.ts";
import { cancelled } from "./errors.ts";
import { fileStore, memoryStore, type MetricStore } from "./metricStore.ts";
import { readRotationFile, writeRotationFile, type SavedRotation } from "./rotationFile.ts";
import { fallbackLog, type Run } from "./run.ts";

export interface Scope {
  readonly first: number;
  readonly end: number;
}

export interface ScopeRotation {
  /** Of each layer of the scope, in order. */
  readonly rotations: readonly Rotation[];
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
    saved = { ...(await learn(run, scope, metrics)), fallbacks: log };
    if (count > 1) await writeRotationFile(path, saved);
  }
  const rotations = splitRotation(saved.rotation, count);
  disposeRotation(saved.rotation);
  return {
    rotations,
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
  for (let i = first; i < end; i++) {
    run.progress.start("collect", i);
    const folded = await readFoldedLayer(run.model, i);
    // The stream enters the scope in the basis of the layer before it; x · basisᵀ brings it back to the model's.
    const layer: DecoderLayer = { ...folded, entry: i === first ? input.basis : null };
    const { context, signal } = run;
    const onProgress = (share: number) => {
      run.progress.at(share);
    };
    const pass = { layer, index: i, context, signal, onProgress };
    const hessians = await collectHessians(stream, INPUT_KINDS, pass);
    const built = await buildMetric(method, hessians, shape, damping);
    tf.dispose(Object.values(hessians));
    for (const [kind, used] of Object.entries(built.raisedDamping)) {
      const what = `damping raised from ${damping} to ${used}: the Hessian of ${kind} was not positive definite`;
      note({ layer: i, role: "rotation", what });
    }
    await metrics.put(i, built.metric);
    if (i < end - 1) {
      // Inside a scope the next layer sees this one's dense output.
      const target = await createStream(run.work.scratch(`dense-${i % 2}.f32`), stream.shape);
      await propagate(stream, target, pass);
      if (stream !== input.stream) await stream.close();
      stream = await target.commit();
    }
    disposeLayer(folded);
  }
  if (stream !== input.stream) await stream.close();
  await rm(run.work.scratch("dense-0.f32"), { force: true });
  await rm(run.work.scratch("dense-1.f32"), { force: true });
}

/** At most this many points of a loss curve are kept. */
const CURVE_POINTS = 400;

async function learn(
  run: Run,
  scope: Scope,
  metrics: MetricStore,
): Promise<{ rotation: Rotation; curve: CurvePoint[] }> {
  const { recipe, model, listener, progress, signal } = run;
  const { shape } = model.config;
  const { first, end } = scope;
  const count = end - first;
  if (recipe.rotation.kind === "none" || recipe.steps === 0) {
    const identity = identityRotation(shape);
    const r2 = tf.tile(identity.r2, [count, 1, 1]);
    identity.r2.dispose();
    return { rotation: { r1: identity.r1, r2 }, curve: [] };
  }

  progress.start("rotate", first);
  const layers = openLayers(run, scope, metrics);
  const single = count === 1 ? await layers.load(0) : null;
  const problem = single ?? createJointProblem({ count, shape, ...layers });
  const start: Rotation = tf.tidy(() => {
    const identity = identityRotation(shape);
    return { r1: identity.r1, r2: tf.tile(identity.r2, [count, 1, 1]) };
  });
  const curve: CurvePoint[] = [];
  const every = Math.max(1, Math.ceil(recipe.steps / CURVE_POINTS));
  try {
    const { rotation } = await learnRotation(
      problem,
      {
        steps: recipe.steps,
        phases: DEFAULT_PHASES[recipe.objective],
        learningRate: recipe.learningRate,
        signal,
        onStep({ step, steps, objective, loss }) {
          if ((step - 1) % every === 0) curve.push({ step, objective, loss });
          progress.at(step / steps);
          listener({ type: "step", layers: [first, end - 1], step, steps, objective, loss });
        },
      },
      start,
    );
    return { rotation, curve };
  } catch (error) {
    if (signal.aborted) throw cancelled(true);
    throw error;
  } finally {
    disposeRotation(start);
    if (single) layers.release(single, 0);
    layers.dispose();
  }
}

/** Layers of one shared rotation stay on the device between steps if all of them fit into this. */
const RESIDENT_BYTES = 1e9;

interface Layers {
  load(index: number): Promise<LayerProblem>;
  release(problem: LayerProblem, index: number): void;
  dispose(): void;
}

function openLayers(run: Run, { first, end }: Scope, metrics: MetricStore): Layers {
  const { model, recipe } = run;
  const { shape } = model.config;
  // Weights, and the stacks a problem makes of most of them.
  const resident = (end - first) * layerElements(shape) * 8 <= RESIDENT_BYTES;
  const held = new Map<number, LayerProblem>();
  const owned = new Map<LayerProblem, () => void>();
  const free = (problem: LayerProblem) => {
    owned.get(problem)?.();
    owned.delete(problem);
  };
  return {
    async load(index) {
      const ready = held.get(index);
      if (ready) return ready;
      const layer = await readFoldedLayer(model, first + index);
      const metric = await metrics.load(first + index);
      const problem = createLayerProblem(layer.matrices, metric, shape, recipe.pattern);
      owned.set(problem, () => {
        problem.dispose();
        metrics.release(metric);
        disposeLayer(layer);
      });
      if (resident) held.set(index, problem);
      return problem;
    },
    release(problem, index) {
      if (held.get(index) !== problem) free(problem);
    },
    dispose() {
      held.forEach(free);
    },
  };
}
