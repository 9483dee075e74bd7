/** The figures and pictures of one layer for the report: importance before and after rotation, and the mask. */
import * as tf from "@tensorflow/tfjs-core";
import { selectLowest } from "../backend/index.ts";
import {
  columnWeights,
  identityRotation,
  importance,
  disposeRotation,
  type LayerFigures,
  type LayerMatrices,
  type LayerMetric,
  type Rotation,
} from "../method/index.ts";
import type { Histogram, MatrixReport, Overview } from "../report.ts";
import {
  INPUT_OF,
  prunedCount,
  ROLES,
  type LayerShape,
  type Pattern,
  type Role,
} from "../vocabulary.ts";
import { importanceHistogram, importanceOverview, maskOverview } from "./overview.ts";

/** Bytes of all pictures of one report, 3 of each matrix. */
const PICTURE_BYTES = 12e6;

/** Cells a side of each picture: as many as the report can carry, 256 for small models, 84 for 80 layers. */
export function cellsFor(layers: number): number {
  const side = Math.floor(Math.sqrt(PICTURE_BYTES / (3 * ROLES.length * layers)));
  return Math.min(256, Math.max(64, side));
}

export interface Picture {
  readonly overview: Overview;
  readonly histogram: Histogram;
}

/**
 * Importance before rotation; what the pattern would delete is marked as pruned.
 * @param matrices norm gains folded, not rotated
 */
export async function picturesBefore(
  matrices: LayerMatrices,
  metric: LayerMetric,
  shape: LayerShape,
  pattern: Pattern,
  cells: number,
): Promise<Record<Role, Picture>> {
  const identity = identityRotation(shape);
  const pictures = await picture(matrices, metric, identity, shape, cells, async (s) => {
    const mask = selectLowest(
      s,
      pattern.kind === "nm"
        ? pattern
        : { kind: "count", count: prunedCount(pattern.share, s.shape[1]) },
    );
    const values = await mask.data<"bool">();
    mask.dispose();
    return (i) => values[i] !== 0;
  });
  disposeRotation(identity);
  return pictures;
}

/**
 * Importance after rotation; pruned is what the method really deleted.
 * @param rotated the rotated, unpruned matrices
 * @param written the pruned weights by role, as stored
 */
export function picturesAfter(
  rotated: LayerMatrices,
  metric: LayerMetric,
  rotation: Rotation,
  shape: LayerShape,
  written: Readonly<Record<Role, Float32Array>>,
  cells: number,
): Promise<Record<Role, Picture>> {
  return picture(rotated, metric, rotation, shape, cells, (_, role) =>
    Promise.resolve((i: number) => written[role][i] === 0),
  );
}

async function picture(
  matrices: LayerMatrices,
  metric: LayerMetric,
  rotation: Rotation,
  shape: LayerShape,
  cells: number,
  prunedOf: (s: tf.Tensor2D, role: Role) => Promise<(i: number) => boolean>,
): Promise<Record<Role, Picture>> {
  const columns = columnWeights(metric, rotation, shape);
  const pictures: Partial<Record<Role, Picture>> = {};
  for (const role of ROLES) {
    const s = importance(matrices[role], columns[INPUT_OF[role]]);
    const values = await s.data<"float32">();
    const isPruned = await prunedOf(s, role);
    const [rows, cols] = s.shape;
    s.dispose();
    pictures[role] = {
      overview: importanceOverview(values, rows, cols, cells),
      histogram: importanceHistogram(values, isPruned),
    };
  }
  tf.dispose(Object.values(columns));
  return pictures as Record<Role, Picture>;
}

export interface MatrixFacts {
  readonly before: { readonly figures: LayerFigures; readonly pictures: Record<Role, Picture> };
  readonly after: { readonly figures: LayerFigures; readonly pictures: Record<Role, Picture> };
  readonly written: Readonly<Record<Role, Float32Array>>;
  readonly shapes: Readonly<Record<Role, readonly [number, number]>>;
  readonly cells: number;
}

export function matrixReports(facts: MatrixFacts): Record<Role, MatrixReport> {
  const { before, after, written, shapes } = facts;
  const report = (role: Role): MatrixReport => {
    const [rows, cols] = shapes[role];
    const weights = written[role];
    const zeros = weights.reduce((n, w) => n + (w === 0 ? 1 : 0), 0);
    const [b, a] = [before.figures.perMatrix[role], after.figures.perMatrix[role]];
    return {
      shape: [rows, cols],
      zeros,
      sparsity: zeros / weights.length,
      entropy: { before: b.entropy, after: a.entropy },
      prunedMass: { before: b.prunedMassShare, after: a.prunedMassShare },
      overview: {
        before: before.pictures[role].overview,
        after: after.pictures[role].overview,
        mask: maskOverview(weights, rows, cols, facts.cells),
      },
      histogram: {
        before: before.pictures[role].histogram,
        after: after.pictures[role].histogram,
      },
    };
  };
  return Object.fromEntries(ROLES.map((role) => [role, report(role)])) as Record<
    Role,
    MatrixReport
  >;
}
