/**
 * The terms of a layer's rotation problem, one a matrix (or stack of matrices of one input): what each adds to the
 * loss and to the gradients, from the rotation and the column weights of its input alone (mathematics in
 * layerProblem.ts). They need nothing of each other, so each may be computed on a GPU of its own.
 */
import * as tf from "@tensorflow/tfjs-core";
import { searchAddProduct, searchProduct } from "../backend/index.ts";
import type { InputKind, LayerShape } from "../vocabulary.ts";
import { ENTROPY_AXES, matrixValue, type MatrixValue, type Wanted } from "./matrixValue.ts";
import { turnHeadColumns, turnValueRows } from "./rotation.ts";
import type { LayerMatrices } from "./types.ts";

/** Where a layer's terms are evaluated. */
export interface Point extends Wanted {
  readonly r1: tf.Tensor2D;
  readonly r2: tf.Tensor3D;
  /** `perQueryHead(r2)` */
  readonly perHead: tf.Tensor3D;
  readonly c: Readonly<Record<InputKind, tf.Tensor1D>>;
  readonly shape: LayerShape;
}

/** What one term adds. Its rotated copy and the gradient of that are freed before it is returned. */
export interface Part extends tf.TensorContainerObject {
  readonly loss: tf.Scalar;
  readonly entropies: tf.Scalar[];
  /** By the columns of the term's input. */
  readonly gradC: tf.Tensor1D;
  /** `[d, d]`, with what it was handed. */
  readonly gradR1: tf.Tensor2D;
}

/** Of v by key/value head, `[kvHeads, hd, hd]`; of o by query head, `[heads, hd, hd]`. */
export interface HeadsPart extends Part {
  readonly gradR2: tf.Tensor3D;
}

export interface Term<P extends Part = Part> {
  /** Borrowed: the weights `[out, in]`. */
  readonly w: tf.Tensor2D;
  /** @param sum gradients of R1 so far, taken over; none where it is the first */
  evaluate(at: Point, sum: tf.Tensor2D | undefined): P;
}

/** The terms in the order in which they are evaluated. */
export interface LayerTerms {
  readonly v: Term<HeadsPart>;
  readonly o: Term<HeadsPart>;
  readonly down: Term;
  /** q and k, one by one or stacked. */
  readonly qk: readonly Term[];
  readonly gateUp: readonly Term[];
}

/** @param stacks q over k and gate over up, where they are to be taken together */
export function layerTerms(
  { q, k, v, o, gate, up, down }: LayerMatrices,
  [qk, gateUp]: readonly tf.Tensor2D[],
): LayerTerms {
  const rowTerm = (input: InputKind) => (w: tf.Tensor2D) => ofRows(input, w);
  return {
    v: ofV(v),
    o: ofO(o),
    down: ofDown(down),
    qk: (qk ? [qk] : [q, k]).map(rowTerm("qkv")),
    gateUp: (gateUp ? [gateUp] : [gate, up]).map(rowTerm("mlp")),
  };
}

/** q, k, gate, up: `Y = W R1`. */
const ofRows = (input: InputKind, w: tf.Tensor2D): Term => ({
  w,
  evaluate: (at, sum) =>
    tf.tidy(() => {
      const { gradW, ...value } = valueOf(searchProduct(w, at.r1), "q", input, at);
      return { ...value, gradR1: added(sum, w, gradW, true, false) };
    }),
});

const ofV = (w: tf.Tensor2D): Term<HeadsPart> => ({
  w,
  evaluate: (at, sum) =>
    tf.tidy(() => {
      const { d, kvHeads, headDim } = at.shape;
      const half = searchProduct(w, at.r1);
      const { gradW, ...value } = valueOf(turnValueRows(half, at.r2), "v", "qkv", at);
      const g = tf.reshape(gradW, [kvHeads, headDim, d]);
      const gHalf = tf.reshape<tf.Rank.R2>(tf.matMul(at.r2, g), half.shape);
      return {
        ...value,
        gradR1: added(sum, w, gHalf, true, false),
        gradR2: tf.matMul<tf.Tensor3D>(tf.reshape(half, g.shape), g, false, true),
      };
    }),
});

const ofO = (w: tf.Tensor2D): Term<HeadsPart> => ({
  w,
  evaluate: (at, sum) =>
    tf.tidy(() => {
      const { d, heads, headDim } = at.shape;
      const half = searchProduct(w, at.r1, true, false);
      const { gradW, ...value } = valueOf(turnHeadColumns(half, at.perHead), "o", "o", at);
      const g = tf.transpose(tf.reshape(gradW, [d, heads, headDim]), [1, 0, 2]);
      const gHalf = tf.reshape<tf.Rank.R2>(tf.matMul(at.perHead, g, false, true), half.shape);
      return {
        ...value,
        gradR1: added(sum, w, gHalf, false, false),
        gradR2: tf.matMul<tf.Tensor3D>(tf.reshape(half, [heads, headDim, d]), g),
      };
    }),
});

const ofDown = (w: tf.Tensor2D): Term => ({
  w,
  evaluate: (at, sum) =>
    tf.tidy(() => {
      const y = searchProduct(at.r1, w, true, false);
      const { gradW, ...value } = valueOf(y, "down", "down", at);
      return { ...value, gradR1: added(sum, w, gradW, false, true) };
    }),
});

const valueOf = (
  y: tf.Tensor2D,
  role: keyof typeof ENTROPY_AXES,
  input: InputKind,
  at: Point,
): MatrixValue => matrixValue(y, at.c[input], ENTROPY_AXES[role], at);

/** `sum + op(a) op(b)` in sum's memory, or the product alone. */
const added = (
  sum: tf.Tensor2D | undefined,
  a: tf.Tensor2D,
  b: tf.Tensor2D,
  transposeA: boolean,
  transposeB: boolean,
): tf.Tensor2D =>
  sum === undefined
    ? searchProduct(a, b, transposeA, transposeB)
    : searchAddProduct(sum, a, b, transposeA, transposeB);
