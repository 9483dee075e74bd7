/** The cost of learning, for estimates and for the bench: an optimizer step in matrix products, a regrouping in comparisons. */
import { matrixShape, ROLES, type LayerShape, type PruneMethod } from "../vocabulary.ts";
import { ROWS, SHARES } from "./columnShares.ts";
import { SWEEPS } from "./regroup.ts";
import { EFFORT } from "./regroupLayer.ts";

/**
 * Floating-point operations (a multiplication and an addition are two) of the matrix products in one step of a
 * layer's rotation: `4·d` per weight for `W R1` and its gradient; three products of every head's block with R2's
 * gradient; the metric; and the optimizer's six products per orthogonal matrix. Elementwise work is not counted.
 */
export function stepFlops(shape: LayerShape, method: PruneMethod): number {
  const { d, heads, kvHeads, headDim } = shape;
  const weights = ROLES.reduce((sum, role) => {
    const [out, columns] = matrixShape(role, shape);
    return sum + out * columns;
  }, 0);
  const heads2 = 3 * 2 * (heads + kvHeads) * headDim ** 2 * d;
  const metric = method === "magnitude" ? 0 : 2 * 2 * d ** 3 + 2 * heads * headDim ** 3;
  const optimizer = 6 * 2 * (d ** 3 + kvHeads * headDim ** 3);
  return 4 * d * weights + heads2 + metric + optimizer;
}

/** Rows of `columnShares` where so many columns are regrouped. */
const rowsLookedAt = (columns: number, rows: number): number =>
  Math.min(rows, ROWS, Math.ceil(SHARES / columns));

const readersOf = ({ heads, kvHeads, headDim, ffn }: LayerShape): number =>
  (heads + 2 * kvHeads) * headDim + 2 * ffn;

/** Comparisons of `regroupLayer` at the most: a search that gains nothing more ends before. @param ownR1 as it is told */
export function regroupComparisons(shape: LayerShape, ownR1: boolean): number {
  const { d, heads, kvHeads, headDim, ffn } = shape;
  const search = (columns: number, rows: number, effort: number): number =>
    Math.min(effort, SWEEPS * columns ** 2 * rows);
  const ofHeads = (heads / kvHeads) * rowsLookedAt(heads * headDim, d);
  return (
    (ownR1 ? search(d, rowsLookedAt(d, readersOf(shape)), EFFORT) : 0) +
    kvHeads * search(headDim, ofHeads, EFFORT / kvHeads) +
    search(ffn, rowsLookedAt(ffn, d), EFFORT)
  );
}

/** Shares of columns that `regroupLayer` holds at the same time, of its three orders together. */
export function regroupShares(shape: LayerShape): number {
  const { d, heads, headDim, ffn } = shape;
  const shares = (columns: number, rows: number): number => columns * rowsLookedAt(columns, rows);
  return shares(d, readersOf(shape)) + shares(heads * headDim, d) + shares(ffn, d);
}
