/** A matrix in one line: its place, size, entropy, pruned mass and zeros; the read-out of the layer map. */
import type { MappedMatrix } from "./layerMap.ts";
import type { Role } from "../../daemon/vocabulary.ts";
import { h } from "./element.ts";
import { change, count, figure, percent } from "./format.ts";

/** `matrix` is absent while a run has not come to it yet. */
export function matrixSummary(
  layer: number,
  role: Role,
  matrix: MappedMatrix | undefined,
): HTMLElement[] {
  const name = h("strong", {}, `Layer ${layer} · ${role}`);
  const parts = matrix === undefined ? ["not done yet"] : matrixFigures(matrix);
  return [name, ...parts.map((part) => h("span", {}, part))];
}

/** Size, entropy, pruned mass and zeros, each in a few words. */
export function matrixFigures({ shape, entropy, prunedMass, sparsity }: MappedMatrix): string[] {
  const size = `${count(shape[0])} × ${count(shape[1])}`;
  const zeros = `${percent(sparsity, 2)} zeros`;
  if (entropy.before === entropy.after) {
    return [
      size,
      `entropy ${figure(entropy.after)} nats`,
      `pruned mass ${percent(prunedMass.after)}`,
      zeros,
    ];
  }
  const relative = entropy.after / entropy.before - 1;
  return [
    size,
    `entropy ${figure(entropy.before)} → ${figure(entropy.after)} nats (${change(relative)})`,
    `pruned mass ${percent(prunedMass.before)} → ${percent(prunedMass.after)}`,
    zeros,
  ];
}
