/** The cost of one optimizer step in matrix products, for estimates and for the bench. */
import { matrixShape, ROLES, type LayerShape, type PruneMethod } from "../vocabulary.ts";

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
