/**
 * The self-test of every run: one window goes through the dense model and through the rotated, unpruned one, layer by
 * layer beside the real work, and in the end both must give the same logits. It would catch a norm that was not
 * folded, a value head that was forgotten, a rotation that is not orthogonal.
 */
import * as tf from "@tensorflow/tfjs-core";
import type { Rotation } from "../method/index.ts";
import {
  decoderLayer,
  disposeContext,
  logits,
  openEmbedding,
  openHead,
  sequenceContext,
  type DecoderLayer,
  type Head,
  type Model,
} from "../model/index.ts";
import { seededRandom } from "../random.ts";
import type { SelfTest } from "../report.ts";
import { foldedHeadRows } from "./ends.ts";
import { selfTestFailed } from "./errors.ts";
import type { SelfTestStreams } from "./layerFile.ts";

const TOKENS = 64;
/**
 * Allowed difference relative to the largest logit. Float32 keeps 24 bits; a few hundred roundings in a row leave
 * about 1e-5. A forgotten fold is off by the size of the logits themselves.
 */
const TOLERANCE = 1e-4;

export async function startSelfTest(
  model: Model,
  window: Int32Array | null,
): Promise<SelfTestStreams> {
  const random = seededRandom(0);
  const count = Math.min(TOKENS, model.config.maxPositions);
  const ids =
    window?.slice(0, count) ??
    Int32Array.from({ length: count }, () => random.integer(model.config.vocabSize));
  const embedding = openEmbedding(model.checkpoint, model.config, model.ends);
  const x = tf.tensor3d(await embedding.lookup(ids), [1, ids.length, model.config.shape.d]);
  return { dense: x, rotated: x.clone() };
}

/** A stream one layer further; the old one is disposed. */
export function advance(
  model: Model,
  x: tf.Tensor3D,
  index: number,
  layer: DecoderLayer,
): tf.Tensor3D {
  const context = sequenceContext(model.config, x.shape[1]);
  const next = decoderLayer(x, layer, index, context);
  disposeContext(context);
  x.dispose();
  return next;
}

/**
 * @param last rotation of the last layer, in whose basis the rotated stream arrives; null where nothing was rotated
 * @throws pipeline/self-test-failed
 */
export async function finishSelfTest(
  model: Model,
  streams: SelfTestStreams,
  last: Rotation | null,
): Promise<Omit<SelfTest, "reopened">> {
  const head = await openHead(model.checkpoint, model.config, model.ends);
  const turned = last ? rotatedHead(head, last) : head;
  const [dense, rotated] = [
    tf.squeeze<tf.Tensor2D>(streams.dense, [0]),
    tf.squeeze<tf.Tensor2D>(streams.rotated, [0]),
  ];
  const before = await logits(head, model.config, dense);
  const after = await logits(turned, model.config, rotated);
  tf.dispose([dense, rotated]);
  if (turned !== head) turned.dispose();
  head.dispose();
  let maxAbsDifference = 0;
  let maxAbsLogit = 0;
  for (const [i, a] of before.entries()) {
    maxAbsDifference = Math.max(maxAbsDifference, Math.abs(a - (after[i] ?? NaN)));
    maxAbsLogit = Math.max(maxAbsLogit, Math.abs(a));
  }
  const tolerance = TOLERANCE * Math.max(1, maxAbsLogit);
  if (!(maxAbsDifference <= tolerance)) throw selfTestFailed(maxAbsDifference, tolerance);
  return { maxAbsDifference, maxAbsLogit, tolerance };
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
  tf.dispose([streams.dense, streams.rotated]);
}
