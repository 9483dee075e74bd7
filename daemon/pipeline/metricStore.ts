/**
 * Where the metrics of a scope's layers (what a rotation needs of the calibration data) wait until they are used:
 * in memory for a single layer, in files for layers that share a rotation and are visited again at every step.
 */
import * as tf from "@tensorflow/tfjs-core";
import { rm } from "node:fs/promises";
import { z } from "zod";
import { encodeFloats, openCheckpoint, writeSafetensors } from "../checkpoint/index.ts";
import { disposeMetric, type LayerMetric } from "../method/index.ts";
import { corruptWork } from "./errors.ts";

export interface MetricStore {
  /** Takes the metric over. */
  put(layer: number, metric: LayerMetric): Promise<void>;
  /** The caller gives it back with {@link release}. */
  load(layer: number): Promise<LayerMetric>;
  release(metric: LayerMetric): void;
  /** A layer needs it no more: it leaves the device. What a resumed run would need stays on disk. */
  used(layer: number): void;
  /** Forgets a layer that is finished and on disk. */
  drop(layer: number): Promise<void>;
}

export function memoryStore(): MetricStore {
  const held = new Map<number, LayerMetric>();
  return {
    put(layer, metric) {
      held.set(layer, metric);
      return Promise.resolve();
    },
    load(layer) {
      const metric = held.get(layer);
      return metric
        ? Promise.resolve(metric)
        : Promise.reject(new RangeError(`no metric of layer ${layer}`));
    },
    release: () => undefined,
    used(layer) {
      const metric = held.get(layer);
      if (metric) disposeMetric(metric);
      held.delete(layer);
    },
    drop: () => Promise.resolve(),
  };
}

const TENSORS = ["qkv", "mlp", "o", "down"] as const;
const floorSchema = z.object({ qkv: z.number(), o: z.number(), mlp: z.number(), down: z.number() });

export function fileStore(pathOf: (layer: number) => string): MetricStore {
  return {
    async put(layer, metric) {
      await writeMetric(pathOf(layer), metric);
      disposeMetric(metric);
    },
    load: (layer) => readMetric(pathOf(layer)),
    release: disposeMetric,
    used: () => undefined,
    drop: (layer) => rm(pathOf(layer), { force: true }),
  };
}

async function writeMetric(path: string, metric: LayerMetric): Promise<void> {
  if (metric.method === "magnitude") {
    await writeSafetensors(path, [], { method: metric.method });
    return;
  }
  const tensors = [];
  for (const name of TENSORS) {
    const data = encodeFloats("F32", await metric[name].data<"float32">());
    tensors.push({ name, dtype: "F32" as const, shape: metric[name].shape, data });
  }
  const { method } = metric;
  const floor = method === "sparsegpt" ? JSON.stringify(metric.floor) : "";
  await writeSafetensors(path, tensors, { method, floor });
}

/** @throws pipeline/corrupt-work */
async function readMetric(path: string): Promise<LayerMetric> {
  const file = await openCheckpoint(path).catch((cause: unknown) => {
    throw corruptWork(path, cause instanceof Error ? cause.message : "unreadable");
  });
  try {
    const { method, floor } = file.metadata;
    if (method === "magnitude") return { method };
    const read = async (name: (typeof TENSORS)[number]): Promise<tf.Tensor> => {
      const shape = file.tensors.get(name)?.shape;
      if (!shape) throw corruptWork(path, `tensor ${name} is missing`);
      return tf.tensor(await file.readFloats(name), [...shape]);
    };
    const tensors = {
      qkv: (await read("qkv")) as tf.Tensor2D,
      mlp: (await read("mlp")) as tf.Tensor2D,
      o: (await read("o")) as tf.Tensor3D,
      down: (await read("down")) as tf.Tensor1D,
    };
    if (method === "wanda") return { method, ...tensors };
    if (method !== "sparsegpt") throw corruptWork(path, "its method is missing");
    return { method, floor: floorSchema.parse(JSON.parse(floor ?? "")), ...tensors };
  } finally {
    await file.close();
  }
}
