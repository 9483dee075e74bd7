/**
 * The engine's inner rooms as a program, so that the checks in Python can put a question to each of them. What goes in
 * and what comes out are safetensors files; numbers and words lie in the metadata, under `spec`, as JSON.
 *
 *     node engine.mjs logits <checkpoint> <in> <out>   ids [B, T] → logits [B, T, vocabulary]
 *     node engine.mjs prune <in> <out>                 w [out, in], h [in, in] → weights [out, in]
 *     node engine.mjs loss <in> <out>                  a layer, its Hessians and a rotation → loss, gradR1, gradR2
 */
import * as tf from "@tensorflow/tfjs-core";
import { z } from "zod";
import { openBackend } from "../../daemon/backend/index.ts";
import {
  encodeFloats,
  openCheckpoint,
  writeSafetensors,
  type Checkpoint,
  type TensorData,
} from "../../daemon/checkpoint/index.ts";
import {
  buildMetric,
  createLayerProblem,
  dampedFactor,
  pruneMagnitude,
  pruneSparseGpt,
  pruneWanda,
  type Hessians,
  type LayerMatrices,
} from "../../daemon/method/index.ts";
import {
  decoderLayer,
  disposeContext,
  disposeLayer,
  logits,
  openEmbedding,
  openHead,
  openModel,
  readLayer,
  readMatrix,
  sequenceContext,
} from "../../daemon/model/index.ts";
import { INPUT_KINDS, PRUNE_METHODS, ROLES } from "../../daemon/vocabulary.ts";

const size = z.number().int().positive();
const pattern = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("nm"), keep: size, of: size }),
  z.object({ kind: z.literal("unstructured"), share: z.number() }),
]);
const pruneSpec = z.object({
  method: z.enum(PRUNE_METHODS),
  pattern,
  blockSize: size,
  damping: z.number(),
});
const lossSpec = z.object({
  method: z.enum(PRUNE_METHODS),
  criterion: z.discriminatedUnion("objective", [
    z.object({ objective: z.literal("entropy") }),
    z.object({ objective: z.literal("pruned-mass"), temperature: z.number() }),
  ]),
  pattern,
  damping: z.number(),
  shape: z.object({ d: size, heads: size, kvHeads: size, headDim: size, ffn: size }),
});

type Outputs = Readonly<Record<string, tf.Tensor>>;

async function computeLogits(folder: string, questions: Checkpoint): Promise<Outputs> {
  const checkpoint = await openCheckpoint(folder);
  const model = openModel(checkpoint);
  const { config } = model;
  const { ids, batch, seqLen } = await readIds(questions);
  const context = sequenceContext(config, seqLen);
  const embedding = openEmbedding(checkpoint, config, model.ends);
  const { d } = config.shape;
  let stream = tf.tensor3d(await embedding.lookup(ids), [batch, seqLen, d]);
  for (let i = 0; i < config.layers; i++) {
    const layer = await readLayer(checkpoint, config, i);
    const next = decoderLayer(stream, layer, i, context);
    disposeLayer(layer);
    stream.dispose();
    stream = next;
  }
  const head = await openHead(checkpoint, config, model.ends);
  const values = await logits(head, config, tf.reshape(stream, [batch * seqLen, d]));
  head.dispose();
  disposeContext(context);
  await checkpoint.close();
  return { logits: tf.tensor3d(values, [batch, seqLen, config.vocabSize]) };
}

async function readIds(file: Checkpoint) {
  const [batch, seqLen] = z.tuple([size, size]).parse(file.tensors.get("ids")?.shape);
  const bytes = await file.readBytes("ids");
  const ids = Int32Array.from({ length: batch * seqLen }, (_, i) =>
    Buffer.from(bytes.buffer, bytes.byteOffset).readInt32LE(4 * i),
  );
  return { ids, batch, seqLen };
}

async function pruneMatrix(file: Checkpoint): Promise<Outputs> {
  const { method, ...options } = pruneSpec.parse(specOf(file));
  const [w, h] = [await readMatrix(file, "w"), await readMatrix(file, "h")];
  switch (method) {
    case "magnitude":
      return { weights: pruneMagnitude(w, options.pattern) };
    case "wanda":
      return { weights: pruneWanda(w, h, options.pattern) };
    case "sparsegpt":
      return { weights: pruneSparseGpt(w, await dampedFactor(h, options.damping), options) };
    default:
      return method satisfies never;
  }
}

async function rotationLoss(file: Checkpoint): Promise<Outputs> {
  const spec = lossSpec.parse(specOf(file));
  const { shape } = spec;
  const matrices = await readAll(file, ROLES, (role) => role);
  const hessians = await readAll(file, INPUT_KINDS, (kind) => `h.${kind}`);
  const { metric } = await buildMetric(
    spec.method,
    hessians satisfies Hessians,
    shape,
    spec.damping,
  );
  const problem = createLayerProblem(matrices satisfies LayerMatrices, metric, shape, spec.pattern);
  const { kvHeads, headDim } = shape;
  const r2 = tf.tensor3d(await file.readFloats("r2"), [kvHeads, headDim, headDim]);
  const rotation = { r1: await readMatrix(file, "r1"), r2 };
  const { loss, gradR1, gradR2 } = await problem.evaluate(rotation, spec.criterion);
  return { loss, gradR1, gradR2 };
}

async function readAll<K extends string>(
  file: Checkpoint,
  keys: readonly K[],
  nameOf: (key: K) => string,
): Promise<Record<K, tf.Tensor2D>> {
  const entries: [K, tf.Tensor2D][] = [];
  for (const key of keys) entries.push([key, await readMatrix(file, nameOf(key))]);
  return Object.fromEntries(entries) as Record<K, tf.Tensor2D>;
}

function specOf(file: Checkpoint): unknown {
  return JSON.parse(file.metadata.spec ?? "null");
}

async function write(path: string, outputs: Outputs): Promise<void> {
  const tensors: TensorData[] = [];
  for (const [name, tensor] of Object.entries(outputs)) {
    const data = encodeFloats("F32", await tensor.data<"float32">());
    tensors.push({ name, dtype: "F32", shape: tensor.shape, data });
  }
  await writeSafetensors(path, tensors);
}

async function main([command = "", ...paths]: readonly string[]): Promise<void> {
  const [input = "", output = ""] = paths.slice(-2);
  const backend = await openBackend("wasm");
  const file = await openCheckpoint(input);
  switch (command) {
    case "logits":
      await write(output, await computeLogits(paths[0] ?? "", file));
      break;
    case "prune":
      await write(output, await pruneMatrix(file));
      break;
    case "loss":
      await write(output, await rotationLoss(file));
      break;
    default:
      throw new Error(`unknown command "${command}"`);
  }
  await file.close();
  await backend.dispose();
}

await main(process.argv.slice(2));
