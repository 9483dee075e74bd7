/**
 * Perplexity of a checkpoint the field's way: the whole text tokenised once, non-overlapping windows, each scored on
 * its own without its first token. Layer by layer over all windows, so that only one layer is ever in memory.
 */
import * as tf from "@tensorflow/tfjs-core";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { allOrNothing } from "../backend/index.ts";
import {
  disposeContext,
  disposeLayer,
  openEmbedding,
  openHead,
  readLayer,
  sequenceContext,
  tokenLosses,
  type Model,
} from "../model/index.ts";
import {
  writeStream,
  type StreamOptions,
  type StreamReader,
  type StreamShape,
  type StreamWriter,
} from "./activations.ts";
import { eachBatch, windowsPerBatch } from "./batches.ts";
import { propagate } from "./collect.ts";
import { roomForLayer } from "./deviceMemory.ts";
import { eachStreamed, type StreamBatch } from "./streamPasses.ts";

const SCRATCH: StreamOptions = { scratch: true };

export interface Perplexity {
  readonly perplexity: number;
  /** Scored tokens: windows · (seqLen − 1). */
  readonly tokens: number;
}

/**
 * @param windows ids of equal length
 * @param onProgress share of the layers done, 0…1
 * @param scratch folder on whose disk two residual streams of all windows find room for the while
 */
export function perplexity(
  model: Model,
  windows: readonly Int32Array[],
  signal: AbortSignal,
  onProgress: (share: number) => void,
  scratch: string = tmpdir(),
): Promise<Perplexity> {
  return allOrNothing(() => scoredIn(scratch, model, windows, signal, onProgress));
}

async function scoredIn(
  scratch: string,
  model: Model,
  windows: readonly Int32Array[],
  signal: AbortSignal,
  onProgress: (share: number) => void,
): Promise<Perplexity> {
  const seqLen = windows[0]?.length ?? 0;
  const { config } = model;
  const folder = await mkdtemp(join(scratch, "perplexity-"));
  const shape: StreamShape = { windows: windows.length, seqLen, d: config.shape.d };
  const parts = config.layers + 1;
  let stream: StreamReader | null = null;
  try {
    const context = sequenceContext(config, seqLen);
    stream = await embed(model, windows, join(folder, "0"), signal, SCRATCH);
    for (let i = 0; i < config.layers; i++) {
      const layer = await readLayer(model.checkpoint, config, i);
      const onBatch = (share: number) => {
        onProgress((i + share) / parts);
      };
      const pass = { layer, index: i, context, signal, onProgress: onBatch, last: true };
      const source: StreamReader = stream;
      const path = join(folder, String((i + 1) % 2));
      const through = (target: StreamWriter) => propagate(source, target, pass);
      const next = await writeStream(path, shape, through, SCRATCH);
      disposeLayer(layer);
      await source.close();
      stream = next;
    }
    const nll = await score(model, windows, stream, signal);
    disposeContext(context);
    const tokens = windows.length * (seqLen - 1);
    onProgress(1);
    return { perplexity: Math.exp(nll / tokens), tokens };
  } finally {
    await stream?.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Rows of the embedding for every window, as the stream that enters layer 0. */
export async function embed(
  model: Model,
  windows: readonly Int32Array[],
  path: string,
  signal: AbortSignal,
  options: StreamOptions = {},
): Promise<StreamReader> {
  const { d } = model.config.shape;
  const seqLen = windows[0]?.length ?? 0;
  const embedding = openEmbedding(model.checkpoint, model.config, model.ends);
  const perBatch = windowsPerBatch({ seqLen, ...model.config.shape });
  const fill = (target: StreamWriter) =>
    eachBatch(windows.length, perBatch, signal, async (from, count) => {
      const ids = new Int32Array(count * seqLen);
      windows.slice(from, from + count).forEach((window, i) => {
        ids.set(window, i * seqLen);
      });
      await target.write(from, await embedding.lookup(ids));
    });
  return writeStream(path, { windows: windows.length, seqLen, d }, fill, options);
}

/** Hidden states scored at a time where each batch reads the head anew, as large models must: 256 MiB. */
export const SCORED_ELEMENTS = 1 << 26;

/** Sum of the negative log-likelihoods, nats, of every token but each window's first. */
async function score(
  model: Model,
  windows: readonly Int32Array[],
  stream: StreamReader,
  signal: AbortSignal,
): Promise<number> {
  const { config } = model;
  const { seqLen, d } = stream.shape;
  const head = await openHead(model.checkpoint, config, model.ends);
  const perBatch =
    head.slices.length > 1
      ? Math.max(1, Math.floor(SCORED_ELEMENTS / (seqLen * d)))
      : windowsPerBatch({ seqLen, ...config.shape });
  let sum = 0;
  const scoreBatch = async ({ x, from, count }: StreamBatch): Promise<void> => {
    // Position t predicts token t + 1: the last position predicts nothing that is known.
    const hidden: tf.Tensor2D = tf.tidy(() =>
      tf.reshape(tf.slice(x, [0, 0, 0], [count, seqLen - 1, d]), [count * (seqLen - 1), d]),
    );
    const targets = new Int32Array(count * (seqLen - 1));
    windows.slice(from, from + count).forEach((window, i) => {
      targets.set(window.subarray(1), i * (seqLen - 1));
    });
    const losses = await tokenLosses(head, config, hidden, targets);
    hidden.dispose();
    sum += losses.reduce((a, b) => a + b, 0);
  };
  const leave = roomForLayer(config, seqLen);
  await eachStreamed(stream, { perBatch, signal, leave, last: true }, scoreBatch);
  head.dispose();
  return sum;
}
