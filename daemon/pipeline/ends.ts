/** The two ends of a rotated model: embedding and head, folded a few rows at a time. */
import * as tf from "@tensorflow/tfjs-core";
import { exactProduct } from "../backend/index.ts";
import { encodeFloats, type CheckpointWriter } from "../checkpoint/index.ts";
import { EMBEDDING, FINAL_NORM, HEAD, readMatrix, readVector } from "../model/index.ts";
import { storedBytes } from "./rounding.ts";
import type { Run } from "./run.ts";

/** Rows of the head `[n, d]` with the final norm's gain folded in, turned by the last layer's R1: `W diag(g) R1`. */
export function foldedHeadRows(
  rows: tf.Tensor2D,
  finalNorm: tf.Tensor1D,
  r1: tf.Tensor2D,
): tf.Tensor2D {
  return tf.tidy(() => exactProduct<tf.Tensor2D>(tf.mul(rows, finalNorm), r1));
}

/** Elements of embedding or head taken at a time: 64 MiB of float32. */
export const CHUNK_ELEMENTS = 1 << 24;

/**
 * Writes embedding `E R1` (first layer's), head `W diag(g) R1` (last layer's) and a final norm of ones. A tied pair
 * becomes two tensors.
 */
export async function writeRotatedEnds(
  run: Run,
  writer: CheckpointWriter,
  firstR1: tf.Tensor2D,
  lastR1: tf.Tensor2D,
): Promise<void> {
  const { checkpoint, ends, config } = run.model;
  const finalNorm = await readVector(checkpoint, FINAL_NORM);
  await mapRows(run, writer, ends.embedding, EMBEDDING, (rows) => exactProduct(rows, firstR1));
  await mapRows(run, writer, ends.head, HEAD, (rows) => foldedHeadRows(rows, finalNorm, lastR1));
  finalNorm.dispose();
  const ones = new Float32Array(config.shape.d).fill(1);
  await writer.write(FINAL_NORM, encodeFloats(run.dtypeOf(FINAL_NORM), ones));
}

async function mapRows(
  run: Run,
  writer: CheckpointWriter,
  source: string,
  target: string,
  fold: (rows: tf.Tensor2D) => tf.Tensor2D,
): Promise<void> {
  const { checkpoint, config } = run.model;
  const { d } = config.shape;
  const dtype = run.dtypeOf(target);
  const step = Math.max(1, Math.floor(CHUNK_ELEMENTS / d));
  let offset = 0;
  for (let rowStart = 0; rowStart < config.vocabSize; rowStart += step) {
    await new Promise(setImmediate);
    run.signal.throwIfAborted();
    const rowEnd = Math.min(rowStart + step, config.vocabSize);
    const rows = await readMatrix(checkpoint, source, { rowStart, rowEnd });
    const folded = fold(rows);
    rows.dispose();
    const data = await storedBytes(dtype, folded);
    await writer.write(target, data, offset);
    offset += data.byteLength;
  }
}
