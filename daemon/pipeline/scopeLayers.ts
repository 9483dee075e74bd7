/** The layers of a scope as rotation problems, loaded when they are asked for, kept if they are small. */
import {
  createLayerProblem,
  gpusForRotation,
  permuteMetric,
  type LayerProblem,
} from "../method/index.ts";
import { disposeLayer } from "../model/index.ts";
import { reorderedLayer } from "./denseLayer.ts";
import { staysResident } from "./deviceMemory.ts";
import type { MetricStore } from "./metricStore.ts";
import type { Run } from "./run.ts";

/** Layers that share one R1: `first … end − 1`. */
export interface Scope {
  readonly first: number;
  readonly end: number;
}

export interface Layers {
  /** @param neurons order of the FFN neurons so far; null for that of the checkpoint */
  load(index: number, neurons: Int32Array | null): Promise<LayerProblem>;
  release(problem: LayerProblem, index: number): void;
  /** Frees all, also what a run that was stopped has not released. */
  dispose(): void;
}

export function openLayers(run: Run, { first, end }: Scope, metrics: MetricStore): Layers {
  const { model, budget, dense } = run;
  const { shape } = model.config;
  /** A layer alone is looked at again when it is pruned. */
  const own = end - first === 1;
  const resident = staysResident(shape, end - first);
  const held = new Map<number, LayerProblem>();
  const owned = new Map<LayerProblem, () => void>();
  const free = (problem: LayerProblem) => {
    owned.get(problem)?.();
    owned.delete(problem);
  };
  return {
    async load(index, neurons) {
      const ready = neurons ? undefined : held.get(index);
      if (ready) return ready;
      const at = first + index;
      const layer = reorderedLayer(await (own ? dense.borrow(at) : dense.take(at)), neurons);
      const stored = await metrics.load(at);
      const metric = neurons ? permuteMetric(stored, neurons) : stored;
      // Weights that are loaded for a step alone would cost more to move than is gained.
      const gpus = own || resident ? gpusForRotation(shape, metric.method) : 1;
      const pattern = budget.layerPattern(at);
      const problem = createLayerProblem(layer.matrices, metric, shape, pattern, gpus);
      owned.set(problem, () => {
        problem.dispose();
        if (metric !== stored && metric.method !== "magnitude") metric.down.dispose();
        metrics.release(stored);
        disposeLayer(layer);
      });
      if (resident && !own) held.set(index, problem);
      return problem;
    },
    release(problem, index) {
      if (held.get(index) !== problem) free(problem);
    },
    dispose() {
      for (const problem of [...owned.keys()]) free(problem);
    },
  };
}
