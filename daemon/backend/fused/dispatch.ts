/**
 * How a fused kernel is reached. Each kernel is mathematics told once, in its own file, with a version composed
 * of ordinary TensorFlow.js operations; a backend that has something faster registers a kernel under the name
 * given here, and the call goes there.
 */
import * as tf from "@tensorflow/tfjs-core";
import { prunedCount, type Pattern } from "../../vocabulary.ts";

export const FUSED_KERNELS = {
  entropy: "DenoiseEntropyObjective",
  prunedMass: "DenoisePrunedMassObjective",
  selectLowest: "DenoiseSelectLowest",
  sparsegptBlock: "DenoiseSparseGptBlock",
  gram: "DenoiseGram",
  scaledGram: "DenoiseScaledGram",
  addProduct: "DenoiseAddProduct",
  replaceColumns: "DenoiseReplaceColumns",
  exactProduct: "DenoiseExactProduct",
  searchProduct: "DenoiseSearchProduct",
  searchOperand: "DenoiseSearchOperand",
  columnDots: "DenoiseColumnDots",
  addScaledColumns: "DenoiseAddScaledColumns",
  inverseFactor: "DenoiseInverseFactor",
  adamDirection: "DenoiseAdamDirection",
  move: "DenoiseOrthogonalMove",
  orthonormalise: "DenoiseOrthonormalise",
  rmsNorm: "DenoiseRmsNorm",
  rope: "DenoiseRope",
  swiglu: "DenoiseSwiglu",
  causalAttention: "DenoiseCausalAttention",
  likelihood: "DenoiseLikelihood",
  decodeHalf: "DenoiseDecodeHalf",
  roundHalf: "DenoiseRoundHalf",
  regroup: "DenoiseRegroup",
} as const;
export type FusedKernel = keyof typeof FUSED_KERNELS;

/** A function of the weights `w [rows, cols]` and the column factors `c [cols]`, with both gradients. */
export interface ObjectiveValue extends tf.NamedTensorMap {
  readonly loss: tf.Scalar;
  /** `[rows, cols]` */
  readonly gradW: tf.Tensor2D;
  /** `[cols]` */
  readonly gradC: tf.Tensor1D;
}

/**
 * Which entries of a score matrix are chosen, an exact count per row: `of − keep` of every `of` consecutive
 * columns, or `count` of the whole row. The lowest scores are chosen; of equal scores the lower column.
 */
export type Selection =
  | { readonly kind: "nm"; readonly keep: number; readonly of: number }
  | { readonly kind: "count"; readonly count: number };

/** What `pattern` deletes from each row of `cols` weights. */
export function rowSelection(pattern: Pattern, cols: number): Selection {
  switch (pattern.kind) {
    case "nm":
      return { kind: "nm", keep: pattern.keep, of: pattern.of };
    case "unstructured":
      return { kind: "count", count: prunedCount(pattern.share, cols) };
    default:
      return pattern satisfies never;
  }
}

/** Kernels work on bare memory: shapes are checked once, here. A mismatch is a mistake of the caller's code. */
export function checkFactors(w: tf.Tensor2D, c: tf.Tensor1D): void {
  tf.util.assert(
    c.shape[0] === w.shape[1],
    () => `w [${w.shape.join()}] and c [${c.shape.join()}] do not fit`,
  );
}

/** See {@link checkFactors}. */
export function checkSelection(select: Selection, cols: number): void {
  const fits =
    select.kind === "count"
      ? Number.isInteger(select.count) && select.count >= 0 && select.count <= cols
      : select.keep >= 0 && select.keep <= select.of && cols % select.of === 0;
  tf.util.assert(fits, () => `${JSON.stringify(select)} does not fit rows of ${cols}`);
}

/** A selection as it comes back out of a kernel's attributes. */
export function selectionOf(attributes: tf.NamedAttrMap): Selection {
  return attributes as unknown as Selection;
}

/** Rows and groups lighter than this count as empty: their distribution is undefined, and they are left alone. */
export const EMPTY_MASS = 1e-30;

/** Under `tf.grad` the composed version serves: its operations know their gradients, a fused kernel does not. */
export function hasKernel(kernel: FusedKernel): boolean {
  if (tf.engine().state.gradientDepth > 0) return false;
  const found = tf.getKernel(FUSED_KERNELS[kernel], tf.getBackend()) as tf.KernelConfig | undefined;
  return found !== undefined;
}

/** Runs a registered fused kernel; `outputs` tensors come back, in the order its file documents. */
export function runFused(
  kernel: FusedKernel,
  inputs: tf.NamedTensorMap,
  attributes: tf.NamedAttrMap,
): tf.Tensor[] {
  const result: tf.Tensor | tf.Tensor[] = tf
    .engine()
    .runKernel(FUSED_KERNELS[kernel], inputs, attributes);
  return Array.isArray(result) ? result : [result];
}
