/**
 * How often a card runs empty while an 8B layer is rotated and pruned, and how long until the host queues something: a
 * run on an emulated card that computes and copies nothing (`EMULATED_GPU_IDLE`). A wait is a read that comes back when
 * nothing was queued behind it. Of the second of three layers, with 8 windows: in the passes over the stream, which grow
 * with the windows, a real card has two batches ahead of it, and does not wait for what this one, in no time, waits for.
 */
import * as tf from "@tensorflow/tfjs-core";
import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CudaBackend } from "../../daemon/backend/cuda/runtime.ts";
import type { HostMemory } from "../../daemon/backend/hostArrays.ts";
import { openBackend } from "../../daemon/backend/index.ts";
import { weightName } from "../../daemon/model/index.ts";
import { pruneOn, type RunEvent } from "../../daemon/pipeline/index.ts";
import { matrixShape, ROLES } from "../../daemon/vocabulary.ts";
import { TINY_VOCABULARY, writeTinyModel, writeTinyText } from "../support/tinyModel.ts";
import { SHAPES } from "./cuda/shapes.ts";
import { reportOfIdleCard } from "./idleCard.ts";
import { round, type Row } from "./report.ts";

const SHAPE = SHAPES["8b"];
const LAYERS = 3;
const MIDDLE = 1;
const RUN = { samples: 8, seqLen: 2048, steps: 200 };

/** In bfloat16, all zeros: holes in its file. */
async function writeEmptyModel(folder: string): Promise<string> {
  const { d } = SHAPE;
  const tiny = await writeTinyModel(folder, { layers: 1 });
  const tensors: [string, readonly number[]][] = [
    ["model.embed_tokens.weight", [TINY_VOCABULARY, d]],
    ["model.norm.weight", [d]],
    ["lm_head.weight", [TINY_VOCABULARY, d]],
  ];
  for (let i = 0; i < LAYERS; i++) {
    tensors.push([`model.layers.${i}.input_layernorm.weight`, [d]]);
    tensors.push([`model.layers.${i}.post_attention_layernorm.weight`, [d]]);
    for (const role of ROLES) tensors.push([weightName(i, role), matrixShape(role, SHAPE)]);
  }
  let at = 0;
  const header: Record<string, unknown> = {};
  for (const [name, shape] of tensors) {
    const end = at + 2 * tf.util.sizeFromShape([...shape]);
    header[name] = { dtype: "BF16", shape, data_offsets: [at, end] };
    at = end;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const handle = await open(join(tiny, "model.safetensors"), "w");
  await handle.write(Buffer.concat([length, text]));
  await handle.truncate(8 + text.length + at);
  await handle.close();
  const file = join(tiny, "config.json");
  const config = JSON.parse(await readFile(file, "utf8")) as object;
  const sizes = {
    hidden_size: d,
    intermediate_size: SHAPE.ffn,
    num_hidden_layers: LAYERS,
    num_attention_heads: SHAPE.heads,
    num_key_value_heads: SHAPE.kvHeads,
    head_dim: SHAPE.headDim,
    max_position_embeddings: RUN.seqLen,
  };
  await writeFile(file, JSON.stringify({ ...config, ...sizes }));
  return tiny;
}

interface Seen {
  launches: number;
  waits: number;
  /** Without anything to do, seconds. */
  idle: number;
}

/** Looks on at everything that is queued and read. */
class Watch {
  /** Of the layer; null while the run is at others. */
  stage: string | null = null;
  readonly stages = new Map<string, Seen>();
  private queued = 0;
  /** Since when all that was queued is done. */
  private empty: number | null = null;

  queue(): void {
    this.queued++;
    const { empty } = this;
    this.empty = null;
    if (this.stage === null) return;
    const seen = this.stages.get(this.stage) ?? { launches: 0, waits: 0, idle: 0 };
    this.stages.set(this.stage, seen);
    seen.launches++;
    if (empty === null) return;
    seen.waits++;
    seen.idle += (performance.now() - empty) / 1000;
  }

  async read<T>(reading: Promise<T>): Promise<T> {
    const { queued } = this;
    const values = await reading;
    if (this.queued === queued) this.empty ??= performance.now();
    return values;
  }
}

/** Values that the host decides by; the Hessians of an empty card are 0, and all of their inputs would be dead. */
const DECIDING = 64 << 10;

function watchedBy(watch: Watch, backend: CudaBackend & HostMemory): void {
  const { runtime } = backend;
  const launch = runtime.launch.bind(runtime);
  runtime.launch = (of) => {
    watch.queue();
    launch(of);
  };
  const gemm = runtime.gemm.bind(runtime);
  runtime.gemm = (of) => {
    watch.queue();
    gemm(of);
  };
  const read = backend.read.bind(backend);
  backend.read = async (dataId) => {
    const values = await watch.read(read(dataId));
    return values instanceof Float32Array && values.byteLength <= DECIDING
      ? values.fill(1)
      : values;
  };
  const readInto = backend.readInto.bind(backend);
  backend.readInto = (dataId, target) => watch.read(readInto(dataId, target));
}

async function rowsOf(folder: string): Promise<Row[]> {
  const checkpoint = await writeEmptyModel(folder);
  const text = await writeTinyText(join(folder, "text.txt"), 3 * RUN.samples * RUN.seqLen);
  const watch = new Watch();
  const stopped = new AbortController();
  const listener = (event: RunEvent): void => {
    if (event.type !== "progress") return;
    const { stage, layer } = event;
    watch.stage = layer === MIDDLE ? stage : null;
    if (layer !== null && layer > MIDDLE) stopped.abort();
  };
  const backend = await openBackend("cuda");
  watchedBy(watch, tf.backend() as CudaBackend & HostMemory);
  try {
    const options = { checkpoint, out: join(folder, "out"), calibration: [text], ...RUN };
    await pruneOn(backend, options, listener, stopped.signal);
  } catch (error) {
    if (!stopped.signal.aborted) throw error;
  } finally {
    await backend.dispose();
  }
  return [...watch.stages].map(([stage, { launches, waits, idle }]) => ({
    stage,
    launches,
    waits,
    "idle, ms": round(1000 * idle),
  }));
}

await reportOfIdleCard(80e9, rowsOf);
