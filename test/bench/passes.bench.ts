/**
 * What the host does while a layer's streams pass through the card: an emulated card that computes and copies nothing
 * (`EMULATED_GPU_IDLE`) leaves only that. LLaMA-3-8B's shapes, a quarter of its calibration, streams kept on the card
 * against streams read from their files (in memory, where that is offered as a disk) in every pass. Processor seconds
 * of this process, whatever else the machine does.
 */
import * as tf from "@tensorflow/tfjs-core";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { openBackend } from "../../daemon/backend/index.ts";
import { openCheckpoint } from "../../daemon/checkpoint/index.ts";
import { openModel, sequenceContext, type DecoderLayer } from "../../daemon/model/index.ts";
import { writeStream, type StreamReader } from "../../daemon/pipeline/activations.ts";
import { collectHessians, propagate } from "../../daemon/pipeline/collect.ts";
import { INPUT_KINDS, matrixShape, ROLES, type InputKind } from "../../daemon/vocabulary.ts";
import { writeTinyModel } from "../support/tinyModel.ts";
import { SHAPES } from "./cuda/shapes.ts";
import { reportOfIdleCard } from "./idleCard.ts";
import { round, type Row } from "./report.ts";

const SHAPE = SHAPES["8b"];
const STREAM = { windows: 32, seqLen: 2048, d: SHAPE.d };
const REPEATS = 3;

function emptyLayer(): DecoderLayer {
  const matrices = Object.fromEntries(
    ROLES.map((role) => [role, tf.fill(matrixShape(role, SHAPE) as [number, number], 0)]),
  ) as unknown as DecoderLayer["matrices"];
  const gain = () => tf.fill<tf.Rank.R1>([SHAPE.d], 1);
  const norms = { inputNorm: gain(), postAttentionNorm: gain(), headNorms: null };
  return { matrices, biases: {}, entry: null, ...norms };
}

const STAGES = ["collect", "prune", "propagate", "propagate, with its file written"] as const;
type Stage = (typeof STAGES)[number];
type Seconds = Record<Stage, number>;

/** One layer after the first: its stream is what the layer before passed on. */
async function layerSeconds(folder: string): Promise<Seconds> {
  const tiny = openModel(await openCheckpoint(join(folder, "model")));
  const config = { ...tiny.config, shape: SHAPE };
  const context = sequenceContext(config, STREAM.seqLen);
  const layer = emptyLayer();
  const pass = { layer, index: 0, context, signal: new AbortController().signal };
  const through = (from: StreamReader, name: string) =>
    writeStream(join(folder, name), STREAM, (target) =>
      propagate(from, target, { ...pass, last: true, attentionStays: true }),
    );
  const collect = async (
    stream: StreamReader,
    kinds: readonly InputKind[],
    attentionStays: boolean,
  ) => {
    const hessians = await collectHessians(stream, kinds, { ...pass, attentionStays });
    tf.dispose(Object.values(hessians));
  };
  const batch = new Float32Array(STREAM.seqLen * STREAM.d);
  const embedded = await writeStream(join(folder, "0"), STREAM, async (target) => {
    for (let at = 0; at < STREAM.windows; at++) await target.write(at, batch);
  });
  const entering = await through(embedded, "1");
  await entering.durable;
  await embedded.close();

  const seconds: Partial<Seconds> = {};
  let since = process.cpuUsage();
  const begin = () => {
    since = process.cpuUsage();
  };
  const end = (stage: Stage) => {
    const { user, system } = process.cpuUsage(since);
    seconds[stage] = (user + system) / 1e6;
  };
  begin();
  await collect(entering, INPUT_KINDS, false);
  end("collect");
  begin();
  for (const kind of INPUT_KINDS) await collect(entering, [kind], kind !== "qkv");
  end("prune");
  begin();
  const next = await through(entering, "2");
  end("propagate");
  await next.durable;
  end("propagate, with its file written");
  await entering.close();
  await next.close();
  tf.dispose([context.rope.cos, context.rope.sin, layer.inputNorm, layer.postAttentionNorm]);
  tf.dispose(Object.values(layer.matrices));
  await tiny.checkpoint.close();
  for (const name of ["0", "1", "2"]) await rm(join(folder, name));
  return seconds as Seconds;
}

async function rowsOn(folder: string): Promise<Row[]> {
  await writeTinyModel(folder, { layers: 1 });
  const kept: Seconds[] = [];
  const read: Seconds[] = [];
  // By turns; the first compiles the kernels.
  await layerSeconds(folder);
  for (let i = 0; i < REPEATS; i++) {
    kept.push(await layerSeconds(folder));
    Object.defineProperty(tf.backend(), "keepWhileRoom", { value: undefined, configurable: true });
    read.push(await layerSeconds(folder));
    Reflect.deleteProperty(tf.backend(), "keepWhileRoom");
  }
  const best = (of: readonly Seconds[], stage: Stage) =>
    Math.min(...of.map((seconds) => seconds[stage]));
  return STAGES.map((stage) => ({
    stage,
    "from files, s": round(best(read, stage)),
    "on the card, s": round(best(kept, stage)),
    ratio: round(best(kept, stage) / best(read, stage), 2),
  }));
}

await reportOfIdleCard(80e9, async (folder) => {
  const backend = await openBackend("cuda");
  try {
    return await rowsOn(folder);
  } finally {
    await backend.dispose();
  }
});
