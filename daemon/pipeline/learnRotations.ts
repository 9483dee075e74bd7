/** The learning itself: one layer with an R1 of its own, or several that share one. */
import * as tf from "@tensorflow/tfjs-core";
import {
  createJointProblem,
  DEFAULT_PHASES,
  disposeRotation,
  identityRotation,
  learnRotation,
  phaseSteps,
  regroupedStretches,
  regroupLayer,
  splitRotation,
  type LearnOptions,
  type Phase,
  type Rotation,
} from "../method/index.ts";
import { omit } from "../omit.ts";
import type { CurvePoint } from "../report.ts";
import type { LayerShape } from "../vocabulary.ts";
import { cancelled } from "./errors.ts";
import type { MetricStore } from "./metricStore.ts";
import type { SavedRotation } from "./rotationFile.ts";
import type { Run } from "./run.ts";
import { openLayers, type Layers, type Scope } from "./scopeLayers.ts";

type Learned = Omit<SavedRotation, "fallbacks">;

export async function learnRotations(
  run: Run,
  scope: Scope,
  metrics: MetricStore,
): Promise<Learned> {
  const { recipe, model, progress, signal } = run;
  const count = scope.end - scope.first;
  const start = startingRotation(model.config.shape, count);
  if (recipe.rotation.kind === "none") return { rotation: start, neurons: null, curve: [] };
  progress.start("rotate", scope.first);
  const layers = openLayers(run, scope, metrics);
  try {
    return count === 1
      ? await learnOwn(run, scope, layers, start)
      : await learnShared(run, scope, layers, start);
  } catch (error) {
    if (signal.aborted) throw cancelled(true);
    throw error;
  } finally {
    layers.dispose();
  }
}

function startingRotation(shape: LayerShape, count: number): Rotation {
  return tf.tidy(() => {
    const { r1, r2 } = identityRotation(shape);
    return { r1, r2: tf.tile(r2, [count, 1, 1]) };
  });
}

/** One layer with an R1 of its own: for N:M its columns are regrouped between stretches of learning. */
async function learnOwn(run: Run, scope: Scope, layers: Layers, start: Rotation): Promise<Learned> {
  const { objective, pattern, regroup, steps } = run.recipe;
  const stretches =
    pattern.kind === "nm" && regroup ? regroupedStretches(objective) : [DEFAULT_PHASES[objective]];
  const counts = phaseSteps(
    stretches.map(() => ({ objective, share: 1 / stretches.length, rate: 1 })),
    steps,
  );
  const curve = curveRecorder(run, scope);
  let rotation = start;
  let neurons: Int32Array | null = null;
  for (const [k, phases] of stretches.entries()) {
    const problem = await layers.load(0, neurons);
    const before = rotation;
    const options = curve.options(phases, counts[k] ?? 0);
    ({ rotation } = await learnRotation(problem, options, before));
    disposeRotation(before);
    if (pattern.kind === "nm" && regroup) {
      const learned = rotation;
      const order = await regroupLayer(problem, learned, {
        pattern,
        ownR1: true,
        signal: run.signal,
      });
      disposeRotation(learned);
      rotation = order.rotation;
      neurons = neurons ? reordered(neurons, order.neurons) : order.neurons;
    }
    layers.release(problem, 0);
  }
  return { rotation, neurons: neurons && [neurons], curve: curve.points };
}

/** The order that results from standing in `then` after having stood in `first`. */
const reordered = (first: Int32Array, then: Int32Array): Int32Array =>
  then.map((place) => first[place] ?? 0);

/** Several layers with one R1: learned in one stretch, then each layer's heads and neurons are regrouped. */
async function learnShared(
  run: Run,
  scope: Scope,
  layers: Layers,
  start: Rotation,
): Promise<Learned> {
  const { objective, pattern, regroup, steps } = run.recipe;
  const { shape } = run.model.config;
  const count = scope.end - scope.first;
  const curve = curveRecorder(run, scope);
  const problem = createJointProblem({
    count,
    shape,
    load: (index) => layers.load(index, null),
    release: (loaded, index) => {
      layers.release(loaded, index);
    },
  });
  const options = curve.options(DEFAULT_PHASES[objective], steps);
  const { rotation } = await learnRotation(problem, options, start);
  disposeRotation(start);
  if (pattern.kind !== "nm" || !regroup) return { rotation, neurons: null, curve: curve.points };

  const neurons: Int32Array[] = [];
  const r2: tf.Tensor3D[] = [];
  const owns = splitRotation(rotation, count);
  for (const [index, own] of owns.entries()) {
    const layer = await layers.load(index, null);
    const order = await regroupLayer(layer, own, { pattern, ownR1: false, signal: run.signal });
    layers.release(layer, index);
    neurons.push(order.neurons);
    r2.push(order.rotation.r2);
    order.rotation.r1.dispose();
  }
  owns.forEach(disposeRotation);
  const turned = { r1: rotation.r1, r2: tf.concat(r2, 0) };
  tf.dispose([rotation.r2, ...r2]);
  return { rotation: turned, neurons, curve: curve.points };
}

/** At most this many points of a loss curve are kept. */
const CURVE_POINTS = 400;
/** Every so many of them the entropy is computed beside another objective: about 2 % of a run's learning. */
const ENTROPY_EVERY = 10;

/** Options of learning calls that belong together: steps counted through, progress told, the curve kept. */
function curveRecorder(run: Run, { first, end }: Scope) {
  const { recipe, listener, progress, signal } = run;
  const points: CurvePoint[] = [];
  const { steps } = recipe;
  const every = Math.max(1, Math.ceil(steps / CURVE_POINTS));
  const isKept = (step: number): boolean => (step - 1) % every === 0;
  // Of the step alone, so that a resumed run computes the same; the first point and the last are among them.
  const hasEntropy = (step: number): boolean =>
    isKept(step) && ((step - 1) % (ENTROPY_EVERY * every) === 0 || step + every > steps);
  const name = end - first === 1 ? `layer ${first}` : `layers ${first} to ${end - 1}`;
  let before = 0;
  return {
    points,
    options(phases: readonly Phase[], count: number): LearnOptions {
      const offset = before;
      before += count;
      return {
        steps: count,
        phases,
        learningRate: recipe.learningRate,
        subject: { name, stepsBefore: offset },
        signal,
        entropyAt: (own) => hasEntropy(offset + own),
        onStep(report) {
          const step = offset + report.step;
          const point: CurvePoint = { ...omit(report, "steps"), step };
          if (isKept(step)) points.push(point);
          progress.at(step / steps);
          listener({ type: "step", layers: [first, end - 1], steps, ...point });
        },
      };
    },
  };
}
