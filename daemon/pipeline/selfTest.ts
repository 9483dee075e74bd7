/**
 * The self-test of every run: one window goes through the dense model and through the rotated, unpruned one, layer by
 * layer beside the real work, and in the end both must give the same logits. It would catch a norm that was not
 * folded, a value head that was forgotten, a rotation that is not orthogonal. A third stream goes through the pruned
 * layers, for the written folder to be held against.
 */
import * as tf from "@tensorflow/tfjs-core";
import { inFullPrecision } from "../backend/index.ts";
import type { WeightDType } from "../checkpoint/index.ts";
import type { Rotation } from "../method/index.ts";
import {
  decoderLayer,
  disposeContext,
  disposeLayer,
  logits,
  openEmbedding,
  openHead,
  readLayer,
  sequenceContext,
  type DecoderLayer,
  type Head,
  type Model,
} from "../model/index.ts";
import { seededRandom } from "../random.ts";
import type { SelfTest } from "../report.ts";
import { foldedHeadRows } from "./ends.ts";
import { reopenFailed, selfTestFailed } from "./errors.ts";
import type { SelfTestStreams } from "./layerFile.ts";

export const TEST_TOKENS = 64;
/**
 * Allowed difference relative to the largest logit. Float32 keeps 24 bits; a few hundred roundings in a row leave
 * about 1e-5. A forgotten fold is off by the size of the logits themselves.
 */
const TOLERANCE = 1e-4;

/** The window's ids: the beginning of the first calibration window, or made up where there is no calibration. */
export function selfTestIds(model: Model, window: Int32Array | null): Int32Array {
  const { maxPositions, vocabSize } = model.config;
  const count = Math.min(TEST_TOKENS, maxPositions);
  if (window) return window.slice(0, count);
  const random = seededRandom(0);
  return Int32Array.from({ length: count }, () => random.integer(vocabSize));
}

export async function startSelfTest(model: Model, ids: Int32Array): Promise<SelfTestStreams> {
  const x = await embedded(model, ids);
  return { dense: x, rotated: x.clone(), pruned: x.clone() };
}

async function embedded(model: Model, ids: Int32Array): Promise<tf.Tensor3D> {
  const embedding = openEmbedding(model.checkpoint, model.config, model.ends);
  return tf.tensor3d(await embedding.lookup(ids), [1, ids.length, model.config.shape.d]);
}

/** A stream one layer further; the old one is disposed. */
export function advance(
  model: Model,
  x: tf.Tensor3D,
  index: number,
  layer: DecoderLayer,
): tf.Tensor3D {
  const context = sequenceContext(model.config, x.shape[1]);
  const next = inFullPrecision(() => decoderLayer(x, layer, index, context));
  disposeContext(context);
  x.dispose();
  return next;
}

export interface SelfTestResult {
  readonly measured: Omit<SelfTest, "reopened">;
  /** Logits `[T, V]` that the written folder must give on the window, but for the rounding of what was rotated last. */
  readonly expected: Float32Array;
}

/**
 * @param last rotation of the last layer, in whose basis the rotated streams arrive; null where nothing was rotated
 * @throws pipeline/self-test-failed
 */
export async function finishSelfTest(
  model: Model,
  streams: SelfTestStreams,
  last: Rotation | null,
): Promise<SelfTestResult> {
  const head = await openHead(model.checkpoint, model.config, model.ends);
  const turned = last ? rotatedHead(head, last) : head;
  const logitsOf = async (by: Head, stream: tf.Tensor3D): Promise<Float32Array> => {
    const flat = tf.squeeze<tf.Tensor2D>(stream, [0]);
    const values = await logits(by, model.config, flat);
    flat.dispose();
    return values;
  };
  const before = await logitsOf(head, streams.dense);
  const after = await logitsOf(turned, streams.rotated);
  const expected = await logitsOf(turned, streams.pruned);
  if (turned !== head) turned.dispose();
  head.dispose();
  const { difference, largest } = compare(before, after);
  const tolerance = TOLERANCE * Math.max(1, largest);
  if (!(difference <= tolerance)) throw selfTestFailed(difference, tolerance);
  return {
    measured: { maxAbsDifference: difference, maxAbsLogit: largest, tolerance },
    expected,
  };
}

/** Rounding of embedding, head and boundary matrices to the stored dtype, relative to the largest logit. */
const ROUNDING: Readonly<Record<WeightDType, number>> = {
  F64: 1e-4,
  F32: 1e-4,
  F16: 1e-2,
  BF16: 6e-2,
};

/**
 * Runs the window through the written folder, as any loader would, and compares with what was computed on the way.
 * @returns the largest difference and what was allowed
 * @throws pipeline/reopen-failed
 */
export async function testReopened(
  written: Model,
  ids: Int32Array,
  expected: Float32Array,
  dtype: WeightDType,
): Promise<{ readonly maxAbsDifference: number; readonly tolerance: number }> {
  let x = await embedded(written, ids);
  for (let i = 0; i < written.config.layers; i++) {
    const layer = await readLayer(written.checkpoint, written.config, i);
    x = advance(written, x, i, layer);
    disposeLayer(layer);
  }
  const head = await openHead(written.checkpoint, written.config, written.ends);
  const flat = tf.squeeze<tf.Tensor2D>(x, [0]);
  const found = await logits(head, written.config, flat);
  tf.dispose([x, flat]);
  head.dispose();
  const { difference, largest } = compare(expected, found);
  const tolerance = ROUNDING[dtype] * Math.max(1, largest);
  if (!(difference <= tolerance)) {
    throw reopenFailed(
      `its logits differ by ${difference.toExponential(2)} from those computed while pruning (allowed ${tolerance.toExponential(2)})`,
    );
  }
  return { maxAbsDifference: difference, tolerance };
}

function compare(a: Float32Array, b: Float32Array): { difference: number; largest: number } {
  let difference = 0;
  let largest = 0;
  for (const [i, x] of a.entries()) {
    // Written so that a NaN on either side makes the difference NaN, which no tolerance admits.
    const d = Math.abs(x - (b[i] ?? NaN));
    if (!(d <= difference)) difference = d;
    largest = Math.max(largest, Math.abs(x));
  }
  return { difference, largest };
}

/** The head as the output stores it: final norm folded in, turned by R1. */
function rotatedHead(head: Head, { r1 }: Rotation): Head {
  const ones = tf.onesLike(head.finalNorm);
  return {
    finalNorm: ones,
    slices: head.slices,
    async load(slice) {
      const rows = await head.load(slice);
      const folded = foldedHeadRows(rows, head.finalNorm, r1);
      rows.dispose();
      return folded;
    },
    dispose() {
      ones.dispose();
    },
  };
}

export function disposeStreams(streams: SelfTestStreams): void {
  tf.dispose([streams.dense, streams.rotated, streams.pruned]);
}
