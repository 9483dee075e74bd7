/** Operations and the operands on which they are compared. */
import * as tf from "@tensorflow/tfjs-core";
import type { Case, Source } from "./compare.ts";

type Unary = (x: tf.Tensor) => tf.Tensor;

/** Each with the interval its operands come from. */
export const UNARY: Readonly<Record<string, readonly [run: Unary, low: number, high: number]>> = {
  abs: [tf.abs, -3, 3],
  acos: [tf.acos, -0.99, 0.99],
  acosh: [tf.acosh, 1.01, 9],
  asin: [tf.asin, -1, 1],
  asinh: [tf.asinh, -9, 9],
  atan: [tf.atan, -9, 9],
  atanh: [tf.atanh, -0.99, 0.99],
  ceil: [tf.ceil, -9, 9],
  clip: [(x) => tf.clipByValue(x, -0.5, 0.75), -2, 2],
  cos: [tf.cos, -9, 9],
  cosh: [tf.cosh, -4, 4],
  elu: [tf.elu, -4, 4],
  erf: [tf.erf, -3, 3],
  exp: [tf.exp, -9, 3],
  expm1: [tf.expm1, -2, 2],
  floor: [tf.floor, -9, 9],
  isFinite: [tf.isFinite, -1, 1],
  isInf: [tf.isInf, -1, 1],
  isNaN: [tf.isNaN, -1, 1],
  leakyRelu: [(x) => tf.leakyRelu(x, 0.3), -2, 2],
  log: [tf.log, 0.01, 9],
  log1p: [tf.log1p, -0.9, 9],
  neg: [tf.neg, -3, 3],
  reciprocal: [tf.reciprocal, 0.1, 3],
  relu: [tf.relu, -3, 3],
  relu6: [tf.relu6, -3, 9],
  round: [tf.round, -9, 9],
  rsqrt: [tf.rsqrt, 0.01, 9],
  selu: [tf.selu, -3, 3],
  sigmoid: [tf.sigmoid, -9, 9],
  sign: [tf.sign, -3, 3],
  sin: [tf.sin, -9, 9],
  sinh: [tf.sinh, -4, 4],
  softplus: [tf.softplus, -12, 12],
  sqrt: [tf.sqrt, 0, 9],
  square: [tf.square, -3, 3],
  step: [(x) => tf.step(x, 0.25), -3, 3],
  tan: [tf.tan, -1.4, 1.4],
  tanh: [tf.tanh, -4, 4],
};

type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

export const BINARY: Readonly<Record<string, Binary>> = {
  add: tf.add,
  sub: tf.sub,
  mul: tf.mul,
  div: tf.div,
  floorDiv: tf.floorDiv,
  maximum: tf.maximum,
  minimum: tf.minimum,
  mod: tf.mod,
  pow: (a, b) => tf.pow(a.dtype === "int32" ? a : tf.abs(a), b),
  squaredDifference: tf.squaredDifference,
  equal: tf.equal,
  notEqual: tf.notEqual,
  less: tf.less,
  lessEqual: tf.lessEqual,
  greater: tf.greater,
  greaterEqual: tf.greaterEqual,
};

export const FLOAT_BINARY: Readonly<Record<string, Binary>> = {
  atan2: tf.atan2,
  prelu: (a, b) => tf.prelu(a, b),
};

export const LOGICAL: Readonly<Record<string, Binary>> = {
  and: tf.logicalAnd,
  or: tf.logicalOr,
  xor: tf.logicalXor,
  equal: tf.equal,
  mul: tf.mul,
};

/** Pairs of shapes that broadcast: dense, one value, rows, columns, groups of four or not, empty, many axes. */
export const PAIRS: readonly (readonly [a: number[], b: number[]])[] = [
  [
    [5, 7],
    [5, 7],
  ],
  [[5, 7], []],
  [[], [4, 8]],
  [[1, 1], [1]],
  [[5, 7], [7]],
  [
    [5, 1],
    [5, 7],
  ],
  [[4, 8], [8]],
  [
    [4, 8],
    [4, 1],
  ],
  [
    [3, 1],
    [1, 4],
  ],
  [
    [1, 6],
    [5, 1],
  ],
  [
    [2, 3, 4, 8],
    [3, 1, 8],
  ],
  [
    [2, 3, 5, 7],
    [2, 1, 5, 1],
  ],
  [
    [3, 1, 5, 1, 2, 2],
    [1, 4, 1, 3, 2, 1],
  ],
  [[0, 3], [3]],
];

const everyOther = (source: Source): tf.Tensor => source.floats(5, 6, 7);

export const MOVEMENT: Readonly<Record<string, Case>> = {
  "transpose 2-D": (s) => tf.transpose(s.floats(45, 70)),
  "transpose of bools": (s) => tf.transpose(s.bools(33, 40)),
  "transpose, batches": (s) => tf.transpose(s.floats(3, 33, 40), [0, 2, 1]),
  "transpose, heads": (s) => tf.transpose(s.floats(2, 5, 3, 8), [0, 2, 1, 3]),
  "transpose, all axes": (s) => tf.transpose(s.floats(2, 3, 4, 5), [3, 1, 0, 2]),
  "transpose, six axes": (s) => tf.transpose(s.ints(9, 2, 3, 2, 3, 2, 3), [5, 3, 1, 4, 2, 0]),
  "transpose of nothing": (s) => tf.transpose(s.floats(0, 5)),
  "transpose that moves nothing": (s) => tf.transpose(s.floats(1, 5, 1), [2, 1, 0]),
  "slice of rows": (s) => tf.slice(s.floats(6, 5), [2, 0], [3, 5]),
  "slice of columns": (s) => tf.slice(s.floats(6, 16), [0, 4], [6, 8]),
  "slice, odd": (s) => tf.slice(everyOther(s), [1, 2, 3], [3, 3, 3]),
  "slice of bools": (s) => tf.slice(s.bools(6, 16), [1, 4], [4, 8]),
  "slice of nothing": (s) => tf.slice(s.floats(6, 5), [2, 0], [0, 5]),
  "strided slice": (s) => tf.stridedSlice(everyOther(s), [4, 0, 1], [0, 6, 7], [-2, 3, 2]),
  "strided slice, one row": (s) =>
    tf.stridedSlice(everyOther(s), [2, 0, 0], [3, 6, 7], [1, 1, 1], 0, 0, 0, 0, 1),
  reverse: (s) => tf.reverse(everyOther(s), [0, 2]),
  "concat of rows": (s) => tf.concat([s.floats(2, 5), s.floats(1, 5), s.floats(0, 5)]),
  "concat of columns": (s) => tf.concat([s.floats(3, 8), s.floats(3, 4)], 1),
  "concat, odd": (s) => tf.concat([s.floats(3, 2, 5), s.floats(3, 3, 5)], 1),
  "concat of bools": (s) => tf.concat([s.bools(3, 3), s.bools(3, 2)], -1),
  stack: (s) => tf.stack([s.floats(3, 4), s.floats(3, 4)], 1),
  "stack of scalars": (s) => tf.stack([s.floats(), s.floats()]),
  unstack: (s) => tf.unstack(s.floats(3, 4), 1),
  split: (s) => tf.split(s.floats(3, 9), [2, 3, 4], 1),
  pad: (s) =>
    tf.pad(
      s.floats(3, 5),
      [
        [1, 2],
        [0, 3],
      ],
      -1.5,
    ),
  "pad of ints": (s) =>
    tf.pad(
      s.ints(9, 4, 8),
      [
        [0, 0],
        [4, 8],
      ],
      7,
    ),
  tile: (s) => tf.tile(s.floats(3, 5), [2, 3]),
  "tile, wide": (s) => tf.tile(s.floats(1, 8), [3, 2]),
  "tile along four axes": (s) => tf.tile(s.floats(2, 3, 2, 3), [2, 3, 2, 3]),
  "tile of bools": (s) => tf.tile(s.bools(3, 1, 4), [2, 3, 1]),
  broadcastTo: (s) => tf.broadcastTo(s.floats(3, 1), [2, 3, 4]),
  "where, with broadcast": (s) => tf.where(s.bools(5, 1), s.floats(5, 7), s.floats()),
  "where of ints": (s) => tf.where(s.bools(4, 4), s.ints(9, 4, 4), s.ints(9, 4, 4)),
  "where of bools": (s) => tf.where(s.bools(9), s.bools(9), s.bools(9)),
  "reshape and expand": (s) => tf.expandDims(tf.reshape(s.floats(4, 6), [3, -1]), -1),
  fill: () => [tf.fill([3, 5], 2.5), tf.fill([7], -3, "int32"), tf.fill([5], 1, "bool")],
  likes: (s) => [tf.zerosLike(s.floats(5)), tf.onesLike(s.ints(3, 6)), tf.onesLike(s.bools(3))],
  range: () => [tf.range(0, 9), tf.range(5, 0), tf.range(2, 20, 3, "int32"), tf.range(3, 1, 2)],
  linspace: () => tf.linspace(1, 3, 9),
  gather: (s) => tf.gather(s.floats(9, 5), s.indices(9, 7)),
  "gather, wide": (s) => tf.gather(s.floats(9, 8), s.indices(9, 2, 3)),
  "gather of columns": (s) => tf.gather(s.floats(4, 9), s.indices(9, 5), 1),
  "gather in batches": (s) => tf.gather(s.floats(3, 9, 2), s.indices(9, 3, 4), 1, 1),
  "gather of bools": (s) => tf.gather(s.bools(9, 4), s.indices(9, 7)),
  "gather of bools, odd": (s) => tf.gather(s.bools(9, 5), s.indices(9, 7)),
  "gatherND of bools": (s) =>
    tf.gatherND(s.bools(4, 5, 3), tf.concat([s.indices(4, 6, 1), s.indices(5, 6, 1)], 1)),
  gatherND: (s) =>
    tf.gatherND(s.floats(4, 5, 3), tf.concat([s.indices(4, 6, 1), s.indices(5, 6, 1)], 1)),
  unsortedSegmentSum: (s) =>
    tf.unsortedSegmentSum(s.floats(300, 3), s.indices(5, 300) as tf.Tensor1D, 6),
  "unsortedSegmentSum of ints": (s) => {
    const sums = tf.unsortedSegmentSum(s.ints(9, 20), s.indices(5, 20) as tf.Tensor1D, 5);
    // The plain backend calls them floats.
    return tf.cast(sums, "int32");
  },
  oneHot: (s) => [
    tf.oneHot(s.indices(6, 4, 2), 5),
    tf.oneHot(s.ints(3, 7), 3, 2, -1, "float32"),
    tf.oneHot(s.indices(6, 7), 5, 1, 0, "bool"),
  ],
};

/** Shapes and axes that take every way through the reductions: warps, blocks, several blocks, columns. */
export const REDUCED: readonly (readonly [shape: number[], axes: number[]])[] = [
  [[], []],
  [[1], [0]],
  [[7], [0]],
  [[5, 7], [1]],
  [[5, 7], [0]],
  [
    [5, 7],
    [0, 1],
  ],
  [[300, 4], [1]],
  [[3, 1500], [1]],
  [[2, 10001], [1]],
  [[40000], [0]],
  [[3000, 40], [0]],
  [[3, 500, 5], [1]],
  [
    [4, 3, 5, 2],
    [0, 2],
  ],
  [
    [4, 3, 5, 2],
    [1, 3],
  ],
  [[4, 1, 5], [1]],
  [[0, 3], [1]],
  [[3, 0], [1]],
  [[0, 3], [0]],
];
