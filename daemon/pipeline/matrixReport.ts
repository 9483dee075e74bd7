/** The figures and pictures of one layer for the report: importance before and after rotation, and the mask. */
import * as tf from "@tensorflow/tfjs-core";
import { beside, hasOwnMemory, rowSelection, selectLowest, together } from "../backend/index.ts";
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
 * Importance before rotation; what the pattern would delete is marked as pruned. The tensors have served when it returns
 * its promise.
 *
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
  const draw = async (role: Role) => {
    const s = importance(matrices[role], columns[INPUT_OF[role]]);
    const sample = sampledRows(s);
    const mask = selectLowest(sample, rowSelection(pattern, s.shape[1]));
    const picture = together([pooling.importance(s), histogramOf(sample, mask)]);
    s.dispose();
    const [overview, histogram] = await picture;
    return [role, { overview, histogram }] as const;
  };
  const pictures: ReturnType<typeof draw>[] = [];
  for (const role of ROLES) {
    const picture = beside(draw(role));
    pictures.push(picture);
    // A device with memory of its own is asked for all at once, without a pause: the tensors have served then.
    if (!hasOwnMemory()) await picture;
  }
  pooling.dispose();
  tf.dispose(Object.values(columns));
  return Object.fromEntries(await Promise.all(pictures)) as Record<Role, Picture>;
}

/** Takes both tensors over; see {@link importanceHistogram}. */
async function histogramOf(sample: tf.Tensor2D, pruned: tf.Tensor2D): Promise<Histogram> {
  const [importances, marks] = await together([sample.data<"float32">(), pruned.data()]);
  tf.dispose([sample, pruned]);
  return importanceHistogram(importances, marks);
}

/** Pictures of a rotated layer, taken of each matrix as it is pruned; pruned is what the method really deleted. */
export class PrunedPictures {
  readonly #columns: ReturnType<typeof columnWeights>;
  readonly #pooling: Pooling;
  readonly #taken = new Map<Role, Promise<PrunedPicture>>();

  constructor(metric: LayerMetric, rotation: Rotation, shape: LayerShape, cells: number) {
    this.#columns = columnWeights(metric, rotation, shape);
    this.#pooling = new Pooling(cells);
  }

  /**
   * Asks the device for it, and does not wait: the matrices are not needed any more.
   * @param rotated `[out, in]`, not pruned
   * @param stored as the output holds it
   */
  take(role: Role, rotated: tf.Tensor2D, stored: tf.Tensor2D): void {
    // Its failure is told by `finish`.
    this.#taken.set(role, beside(this.#picture(role, rotated, stored)));
  }

  /** What was taken; frees what taking pictures needed. */
  async finish(): Promise<Record<Role, PrunedPicture>> {
    const taken = [...this.#taken].map(async ([role, picture]) => [role, await picture] as const);
    this.#pooling.dispose();
    tf.dispose(Object.values(this.#columns));
    return Object.fromEntries(await Promise.all(taken)) as Record<Role, PrunedPicture>;
  }

  async #picture(role: Role, rotated: tf.Tensor2D, stored: tf.Tensor2D): Promise<PrunedPicture> {
    const s = importance(rotated, this.#columns[INPUT_OF[role]]);
    const sample = sampledRows(s);
    const drawn = beside(this.#pooling.importance(s));
    s.dispose();
    const ones = tf.tidy(() => tf.cast<tf.Tensor2D>(tf.equal(stored, 0), "float32"));
    const asked = together([
      drawn,
      histogramOf(sample, sampledRows(ones)),
      this.#pooling.mask(ones),
      count(ones),
    ]);
    ones.dispose();
    const [overview, histogram, mask, zeros] = await asked;
    return { overview, histogram, mask, zeros };
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
