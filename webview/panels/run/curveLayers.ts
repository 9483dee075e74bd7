/** Loss curves of a run: of the rotations learned, and of the one under way. */
import type { CurveLayer } from "../../charts/index.ts";
import type { RunView } from "../../messages.ts";

/** Finished curves and the one under way, under every layer that shares it. */
export function curveLayers({ layers, steps }: Pick<RunView, "layers" | "steps">): CurveLayer[] {
  const now = steps.at(-1);
  if (now === undefined) return [...layers];
  const [first, last] = now.layers;
  // Finished layers keep their own curve: it is the whole of it.
  if (layers.some(({ index }) => index === first)) return [...layers];
  const live = Array.from({ length: last - first + 1 }, (_, i) => ({
    index: first + i,
    curve: steps,
  }));
  return [...layers, ...live].toSorted((a, b) => a.index - b.index);
}
