/** The figures a layer map can be coloured by: what each means, how it is computed, scaled and written. */
import { extent } from "d3";
import { ROLES } from "../../daemon/vocabulary.ts";
import { type ColourScale, diverging, sequential, symmetricDomain, zeroDomain } from "./colour.ts";
import { change, figure as write, percent } from "./format.ts";
import type { MappedLayer, MappedMatrix } from "./layerMap.ts";

/** What there is to see after a rotation. */
export const ROTATED_FIGURES = [
  "entropy-change",
  "entropy-before",
  "entropy-after",
  "mass-before",
  "mass-after",
  "mass-change",
  "kept",
  "sparsity",
] as const;
/** Without one, before and after are the same. */
export const UNROTATED_FIGURES = ["mass", "kept", "sparsity"] as const;
export type FigureName = (typeof ROTATED_FIGURES | typeof UNROTATED_FIGURES)[number];

export interface Figure {
  readonly label: string;
  /** One sentence for the reader. */
  readonly meaning: string;
  readonly value: (matrix: MappedMatrix) => number;
  readonly format: (value: number) => string;
  /** Colours for all layers at once; `mass-before` and `mass-after` share one, so that they can be compared. */
  readonly scale: (layers: readonly MappedLayer[]) => ColourScale;
}

const relative = (before: number, after: number): number =>
  before === 0 ? 0 : (after - before) / before;

const entropyChange = (m: MappedMatrix): number => relative(m.entropy.before, m.entropy.after);
const entropyBefore = (m: MappedMatrix): number => m.entropy.before;
const entropyAfter = (m: MappedMatrix): number => m.entropy.after;
const massChange = (m: MappedMatrix): number => relative(m.prunedMass.before, m.prunedMass.after);
const massBefore = (m: MappedMatrix): number => m.prunedMass.before;
const massAfter = (m: MappedMatrix): number => m.prunedMass.after;

function valuesOf(
  layers: readonly MappedLayer[],
  ...figures: readonly ((m: MappedMatrix) => number)[]
): number[] {
  return layers.flatMap((layer) =>
    ROLES.flatMap((role) => figures.map((figure) => figure(layer.matrices[role]))),
  );
}

/** From the least to the largest, not of no width. */
function spanOf(values: readonly number[]): readonly [number, number] {
  const [low = 0, high = 1] = extent(values);
  return high > low ? [low, high] : [low - 0.005, high + 0.005];
}

const entropyScale = (layers: readonly MappedLayer[]): ColourScale => ({
  domain: spanOf(valuesOf(layers, entropyBefore, entropyAfter)),
  ramp: sequential,
});

const massScale = (layers: readonly MappedLayer[]): ColourScale => ({
  domain: zeroDomain(valuesOf(layers, massBefore, massAfter)),
  ramp: sequential,
});

export const FIGURES: Readonly<Record<FigureName, Figure>> = {
  "entropy-change": {
    label: "Entropy change",
    meaning:
      "Change of the importance's Shannon entropy through rotation. Less entropy means that fewer weights hold the importance.",
    value: entropyChange,
    format: (v) => change(v),
    scale: (layers) => ({
      domain: symmetricDomain(valuesOf(layers, entropyChange)),
      ramp: diverging,
    }),
  },
  "entropy-before": {
    label: "Entropy before",
    meaning:
      "Shannon entropy of the importance before rotation, in nats, summed over the axis that rotation acts on. It grows with the size of a matrix.",
    value: entropyBefore,
    format: write,
    scale: entropyScale,
  },
  "entropy-after": {
    label: "Entropy after",
    meaning:
      "Shannon entropy of the importance after rotation, in nats, on the same scale as before.",
    value: entropyAfter,
    format: write,
    scale: entropyScale,
  },
  mass: {
    label: "Pruned mass",
    meaning: "Share of the importance that the pattern deletes.",
    value: massAfter,
    format: (v) => percent(v),
    scale: massScale,
  },
  "mass-before": {
    label: "Pruned mass before",
    meaning: "Share of the importance that the pattern would delete without rotation.",
    value: massBefore,
    format: (v) => percent(v),
    scale: massScale,
  },
  "mass-after": {
    label: "Pruned mass after",
    meaning:
      "Share of the importance that the pattern deletes after rotation, on the same scale as before.",
    value: massAfter,
    format: (v) => percent(v),
    scale: massScale,
  },
  "mass-change": {
    label: "Pruned mass change",
    meaning: "Relative change of the deleted importance through rotation.",
    value: massChange,
    format: (v) => change(v),
    scale: (layers) => ({ domain: symmetricDomain(valuesOf(layers, massChange)), ramp: diverging }),
  },
  kept: {
    label: "Kept importance",
    meaning: "Share of the importance that is left after pruning.",
    value: (m) => 1 - massAfter(m),
    format: (v) => percent(v),
    scale: (layers) => ({
      domain: spanOf(valuesOf(layers, (m) => 1 - massAfter(m))),
      ramp: sequential,
    }),
  },
  sparsity: {
    label: "Achieved sparsity",
    meaning: "Zeros divided by weights, counted in the matrix as it was written.",
    value: (m) => m.sparsity,
    format: (v) => percent(v, 2),
    scale: () => ({ domain: [0, 1], ramp: sequential }),
  },
};
