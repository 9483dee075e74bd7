/**
 * Log-likelihoods of many continuations of different lengths. What is read alike is read once; sequences are sorted by
 * length and padded on the right within a batch, which causal attention never looks at. Layer by layer over all
 * batches, the residual stream in a file, so that only one layer is ever in memory.
 */
import * as tf from "@tensorflow/tfjs-core";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { allOrNothing } from "../backend/index.ts";
import {
  decoderLayer,
  disposeContext,
  disposeLayer,
  openEmbedding,
  openHead,
  readLayer,
  sequenceContext,
  tokenLosses,
  type Model,
  type ModelConfig,
  type SequenceContext,
} from "../model/index.ts";
import { writeStream, type StreamReader, type StreamWriter } from "./activations.ts";
import { eachBatch } from "./batches.ts";
import { createFiniteCheck } from "./collect.ts";
import { planBatches, uniqueSequences, type Batch, type Continuation } from "./scoreBatches.ts";

export interface ScoreOptions {
  /** Tokens of a batch, padding included; unless given, what `windowsPerBatch` finds for its length. */
  readonly batchTokens?: number | undefined;
  readonly signal: AbortSignal;
  /** Share of the work done, 0…1. */
  readonly onProgress: (share: number) => void;
}

/** Largest residual stream on disk at a time; two of them are there during a layer. */
const STREAM_BYTES = 4 * 2 ** 30;
/** Hidden states that go through the head together: it may be read from disk for each call. */
export const HEAD_BYTES = 16 << 20;

/**
 * @returns log P(targets | what is read before them), nats, of each request in order
 * @throws model/non-finite-activations naming the layer, checkpoint/disk-full
 */
export async function scoreContinuations(
  model: Model,
  requests: readonly Continuation[],
  { batchTokens, signal, onProgress }: ScoreOptions,
): Promise<Float64Array> {
  const { shape, layers } = model.config;
  const sequences = uniqueSequences(requests);
  const chunks = planBatches(sequences, {
    shape,
    batchTokens,
    maxTokens: STREAM_BYTES / (4 * shape.d),
  });
  const result = new Float64Array(requests.length);
  const total = chunks.flat().reduce((sum, batch) => sum + tokensOf(batch), 0) * (layers + 1);
  let done = 0;
  const advance = (batch: Batch) => {
    done += tokensOf(batch);
    onProgress(done / total);
  };
  for (const batches of chunks) {
    await allOrNothing(() => scoreChunk(model, requests, batches, result, signal, advance));
  }
  return result;
}

const tokensOf = ({ sequences, seqLen }: Batch): number => sequences.length * seqLen;

async function scoreChunk(
  model: Model,
  requests: readonly Continuation[],
  batches: readonly Batch[],
  result: Float64Array,
  signal: AbortSignal,
  advance: (batch: Batch) => void,
): Promise<void> {
  const { config } = model;
  const folder = await mkdtemp(join(tmpdir(), "denoise-rotator-"));
  // Batches differ in length, so the stream is one of tokens: each a window of its own.
  const shape = {
    windows: batches.reduce((sum, batch) => sum + tokensOf(batch), 0),
    seqLen: 1,
    d: config.shape.d,
  };
  const pass = (name: string, work: (target: StreamWriter) => Promise<void>) =>
    writeStream(join(folder, name), shape, work, { scratch: true });
  let stream: StreamReader | null = null;
  try {
    stream = await pass("0", (target) => embedBatches(model, batches, target, signal));
    for (let i = 0; i < config.layers; i++) {
      const source = stream;
      const next = await pass(String((i + 1) % 2), (target) =>
        propagateBatches(model, i, batches, source, target, signal, advance),
      );
      await source.close();
      stream = next;
    }
    await scoreBatches(model, requests, batches, stream, result, signal, advance);
  } finally {
    await stream?.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function embedBatches(
  model: Model,
  batches: readonly Batch[],
  target: StreamWriter,
  signal: AbortSignal,
): Promise<void> {
  const embedding = openEmbedding(model.checkpoint, model.config, model.ends);
  await each(batches, signal, async ({ sequences, seqLen, start }) => {
    // Padding is token 0: nothing that counts sees it.
    const ids = new Int32Array(sequences.length * seqLen);
    sequences.forEach(({ input }, row) => {
      ids.set(input, row * seqLen);
    });
    await target.write(start, await embedding.lookup(ids));
  });
}

async function propagateBatches(
  { checkpoint, config }: Model,
  index: number,
  batches: readonly Batch[],
  source: StreamReader,
  target: StreamWriter,
  signal: AbortSignal,
  advance: (batch: Batch) => void,
): Promise<void> {
  const layer = await readLayer(checkpoint, config, index);
  const contexts = lastContext(config);
  const finite = createFiniteCheck(index);
  try {
    await each(batches, signal, async (batch) => {
      const { sequences, seqLen, start } = batch;
      const values = await source.read(start, sequences.length * seqLen);
      const x = tf.tensor3d(values, [sequences.length, seqLen, config.shape.d]);
      const out = decoderLayer(x, layer, index, contexts.of(seqLen));
      x.dispose();
      finite.add(out);
      const passed = await out.data<"float32">();
      out.dispose();
      await target.write(start, passed);
      advance(batch);
    });
    await finite.assert();
  } finally {
    finite.dispose();
  }
  disposeLayer(layer);
  contexts.dispose();
}

/** Neighbouring batches often have the same length: the context of the last one is kept. */
function lastContext(config: ModelConfig) {
  let last: SequenceContext | null = null;
  const dispose = () => {
    if (last) disposeContext(last);
  };
  return {
    of(seqLen: number): SequenceContext {
      if (last?.seqLen === seqLen) return last;
      dispose();
      return (last = sequenceContext(config, seqLen));
    },
    dispose,
  };
}

/** Only the positions that predict a target go through the head. */
async function scoreBatches(
  model: Model,
  requests: readonly Continuation[],
  batches: readonly Batch[],
  stream: StreamReader,
  result: Float64Array,
  signal: AbortSignal,
  advance: (batch: Batch) => void,
): Promise<void> {
  const { config } = model;
  const { d } = config.shape;
  const head = await openHead(model.checkpoint, config, model.ends);
  const limit = Math.max(1, Math.floor(HEAD_BYTES / (4 * d)));
  let rows: Float32Array[] = [];
  let targets: number[] = [];
  let owners: number[] = [];
  const flush = async () => {
    if (rows.length === 0) return;
    const hidden = new Float32Array(rows.length * d);
    rows.forEach((row, i) => {
      hidden.set(row, i * d);
    });
    const x = tf.tensor2d(hidden, [rows.length, d]);
    const losses = await tokenLosses(head, config, x, Int32Array.from(targets));
    x.dispose();
    owners.forEach((request, i) => {
      result[request] = (result[request] ?? 0) - (losses[i] ?? 0);
    });
    [rows, targets, owners] = [[], [], []];
  };
  await each(batches, signal, async (batch) => {
    const { sequences, seqLen, start } = batch;
    const values = await stream.read(start, sequences.length * seqLen);
    for (const [row, { input, requests: askers }] of sequences.entries()) {
      for (const asker of askers) {
        const asked = requests[asker]?.targets ?? new Int32Array();
        const first = row * seqLen + input.length - asked.length;
        for (const [j, target] of asked.entries()) {
          rows.push(values.subarray((first + j) * d, (first + j + 1) * d));
          targets.push(target);
          owners.push(asker);
        }
      }
    }
    if (rows.length >= limit) await flush();
    advance(batch);
  });
  await flush();
  head.dispose();
}

const each = (
  batches: readonly Batch[],
  signal: AbortSignal,
  work: (batch: Batch) => Promise<void>,
): Promise<void> =>
  eachBatch(batches.length, 1, signal, async (at) => {
    const batch = batches[at];
    if (batch) await work(batch);
  });
