/** The figures and pictures of one layer for the report: importance before and after rotation, and the mask. */
import * as tf from "@tensorflow/tfjs-core";
import { rowSelection, selectLowest } from "../backend/index.ts";
import {
  columnWeights,
  disposeRotation,
  identityRotation,
  importance,
  type LayerFigures,
  type LayerMatrices,
  type LayerMetric,
  type Rotation,
} from "../method/index.ts";
import type { Histogram, MatrixReport, Overview } from "../report.ts";
import {
  INPUT_OF,
  matrixShape,
  ROLES,
  type LayerShape,
  type Pattern,
  type Role,
} from "../vocabulary.ts";
import { importanceHistogram, Pooling, sampledRows } from "./overview.ts";

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

/** What a matrix looks like when it is pruned. */
export interface PrunedPicture extends Picture {
  readonly mask: Overview;
  readonly zeros: number;
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
  const columns = columnWeights(metric, identity, shape);
  disposeRotation(identity);
  const pooling = new Pooling(cells);
  const pictures: Partial<Record<Role, Picture>> = {};
  for (const role of ROLES) {
    const s = importance(matrices[role], columns[INPUT_OF[role]]);
    const sample = sampledRows(s);
    const mask = selectLowest(sample, rowSelection(pattern, s.shape[1]));
    pictures[role] = {
      overview: await pooling.importance(s),
      histogram: importanceHistogram(await sample.data<"float32">(), await mask.data<"bool">()),
    };
    tf.dispose([s, sample, mask]);
  }
  pooling.dispose();
  tf.dispose(Object.values(columns));
  return pictures as Record<Role, Picture>;
}

/** Pictures of a rotated layer, taken of each matrix as it is pruned; pruned is what the method really deleted. */
export class PrunedPictures {
  readonly #columns: ReturnType<typeof columnWeights>;
  readonly #pooling: Pooling;
  readonly #taken: Partial<Record<Role, PrunedPicture>> = {};

  constructor(metric: LayerMetric, rotation: Rotation, shape: LayerShape, cells: number) {
    this.#columns = columnWeights(metric, rotation, shape);
    this.#pooling = new Pooling(cells);
  }

  /**
   * @param rotated `[out, in]`, not pruned
   * @param stored as the output holds it
   */
  async take(role: Role, rotated: tf.Tensor2D, stored: tf.Tensor2D): Promise<void> {
    const s = importance(rotated, this.#columns[INPUT_OF[role]]);
    const sample = sampledRows(s);
    const overview = await this.#pooling.importance(s);
    s.dispose();
    const zeros = tf.tidy(() => tf.cast<tf.Tensor2D>(tf.equal(stored, 0), "float32"));
    const sampledZeros = sampledRows(zeros);
    this.#taken[role] = {
      overview,
      histogram: importanceHistogram(
        await sample.data<"float32">(),
        await sampledZeros.data<"float32">(),
      ),
      mask: await this.#pooling.mask(zeros),
      zeros: await count(zeros),
    };
    tf.dispose([sample, zeros, sampledZeros]);
  }

  /** Frees what taking pictures needed. */
  finish(): Record<Role, PrunedPicture> {
    this.#pooling.dispose();
    tf.dispose(Object.values(this.#columns));
    return this.#taken as Record<Role, PrunedPicture>;
  }
}

/** How many ones there are; row by row on the device, where float32 counts exactly, then on the host. */
async function count(ones: tf.Tensor2D): Promise<number> {
  const byRow = tf.sum(ones, 1);
  const values = await byRow.data<"float32">();
  byRow.dispose();
  return values.reduce((sum, n) => sum + n, 0);
}

export interface LayerFacts {
  readonly before: { readonly figures: LayerFigures; readonly pictures: Record<Role, Picture> };
  readonly after: {
    readonly figures: LayerFigures;
    readonly pictures: Record<Role, PrunedPicture>;
  };
}

export function matrixReports(
  { before, after }: LayerFacts,
  shape: LayerShape,
): Record<Role, MatrixReport> {
  const report = (role: Role): MatrixReport => {
    const [rows, cols] = matrixShape(role, shape);
    const [b, a] = [before.figures.perMatrix[role], after.figures.perMatrix[role]];
    const [then, now] = [before.pictures[role], after.pictures[role]];
    return {
      shape: [rows, cols],
      zeros: now.zeros,
      sparsity: now.zeros / (rows * cols),
      entropy: { before: b.entropy, after: a.entropy },
      prunedMass: { before: b.prunedMassShare, after: a.prunedMassShare },
      overview: { before: then.overview, after: now.overview, mask: now.mask },
      histogram: { before: then.histogram, after: now.histogram },
    };
  };
  return Object.fromEntries(ROLES.map((role) => [role, report(role)])) as Record<
    Role,
    MatrixReport
  >;
}
