/**
 * Sharing the terms of a layer's rotation problem among GPUs: who computes what, and whether it pays.
 *
 * A step costs the largest share, and what a share needs and gives: R1 to each other GPU and a gradient of R1 back,
 * both `[d, d]`, one after the other on the first GPU's link. Rates are those of fast GPUs and of slow links, so
 * that a split is a gain where it is made; they are written down, not measured, so that the same machine always
 * decides the same and a run repeats to the byte.
 */
import { gpuCount, gpuLinkRate } from "../backend/index.ts";
import { matrixShape, ROLES, type LayerShape, type PruneMethod } from "../vocabulary.ts";

/** Products in bfloat16 of the fastest GPU that was measured (docs/cuda.md), operations a second. */
const PRODUCTS = 650e12;
/** How much longer a product takes whose operands are not rounded to bfloat16. */
const TF32_SLOWDOWN = 2;
/** Written and read a weight and step beside the arithmetic (rotated copy, its gradient, roundings), bytes. */
const BYTES_A_WEIGHT = 24;
const MEMORY_RATE = 4e12;
/** R1 in bfloat16 there and its gradient in float32 back, bytes an entry. */
const BYTES_MOVED = 2 + 4;
/** Of a step that is shared: queueing and waiting for two copies, seconds. */
const DELAY = 100e-6;

/** Seconds of one term of `weights` weights in a step: `W R1` and its gradient, 4·d operations a weight. */
export const termCost = (weights: number, d: number): number =>
  weights * ((4 * d) / PRODUCTS + BYTES_A_WEIGHT / MEMORY_RATE);

/** Seconds that the first GPU spends on the column weights: the metric of each of two inputs times R1. */
export const columnsCost = (method: PruneMethod, d: number): number =>
  method === "magnitude" ? 0 : (TF32_SLOWDOWN * 2 * 2 * d ** 3) / PRODUCTS;

/**
 * For each term the GPU that computes it, such that the largest share is minimal; of equal ones the first found.
 *
 * @param costs of the terms
 * @param first what the first GPU has to do besides
 */
export const balanced = (costs: readonly number[], gpus: number, first: number): number[] =>
  division(costs, gpus, first).places;

interface Division {
  /** Cost of the largest share. */
  readonly largest: number;
  readonly places: number[];
}

function division(costs: readonly number[], gpus: number, first: number): Division {
  const loads = Array.from({ length: gpus }, (_, gpu) => (gpu === 0 ? first : 0));
  const places: number[] = [];
  let best: Division = { largest: Infinity, places: costs.map(() => 0) };
  const place = (term: number): void => {
    const largest = Math.max(...loads);
    if (largest >= best.largest) return;
    const cost = costs[term];
    if (cost === undefined) {
      best = { largest, places: [...places] };
      return;
    }
    loads.forEach((before, gpu) => {
      // Of GPUs that have nothing yet, but for the first, one is like the other.
      if (gpu > 1 && loads[gpu - 1] === 0) return;
      loads[gpu] = before + cost;
      places.push(gpu);
      place(term + 1);
      places.pop();
      loads[gpu] = before;
    });
  };
  place(0);
  return best;
}

/** How many of the GPUs at hand should share a layer's rotation. 1 where that is fastest. */
export function gpusForRotation(shape: LayerShape, method: PruneMethod): number {
  return gpusWorthSharing(shape, method, gpuCount(), gpuLinkRate());
}

/** @param linkRate bytes a second from one GPU to another */
export function gpusWorthSharing(
  shape: LayerShape,
  method: PruneMethod,
  gpus: number,
  linkRate: number,
): number {
  const { d } = shape;
  const costs = ROLES.map((role) => {
    const [out, columns] = matrixShape(role, shape);
    return termCost(out * columns, d);
  });
  const first = columnsCost(method, d);
  const seconds = (count: number): number => {
    const { largest } = division(costs, count, first);
    const moved = (BYTES_MOVED * d ** 2 * (count - 1)) / linkRate;
    return largest + (count === 1 ? 0 : moved + DELAY);
  };
  let chosen = 1;
  for (let count = 2; count <= Math.min(gpus, costs.length); count++) {
    if (seconds(count) < seconds(chosen)) chosen = count;
  }
  return chosen;
}
