/**
 * A finished layer on disk: its output tensors in their final dtype under their final names, and what the run still
 * needs of it (rotation, self-test streams, report). Its existence is what "finished" means.
 */
import type * as tf from "@tensorflow/tfjs-core";
import {
  openCheckpoint,
  writeSafetensors,
  type Checkpoint,
  type TensorData,
  type TensorEntry,
} from "../checkpoint/index.ts";
import type { Rotation } from "../method/index.ts";
import type { Fallback, LayerReport } from "../report.ts";
import { corruptWork } from "./errors.ts";
import { floatTensor, readRotation, readTensor, rotationTensors } from "./rotationFile.ts";

/** The self-test's window on its way through the model, `[1, T, d]` each. */
export interface SelfTestStreams {
  /** Through the dense layers. */
  readonly dense: tf.Tensor3D;
  /** Through the rotated, unpruned layers; in the basis of the layer just passed. */
  readonly rotated: tf.Tensor3D;
  /** Through the layers as they are stored, in the same basis. */
  readonly pruned: tf.Tensor3D;
}

export interface FinishedLayer {
  readonly report: LayerReport;
  readonly fallbacks: readonly Fallback[];
}

const DENSE = "work.selftest.dense";
const ROTATED = "work.selftest.rotated";
const PRUNED = "work.selftest.pruned";

/** A finished layer as it will be written; nothing of it is on the device any more. */
export interface UnwrittenLayer {
  write(path: string): Promise<void>;
}

export async function layerFile(
  outputs: readonly TensorData[],
  rotation: Rotation,
  streams: SelfTestStreams,
  finished: FinishedLayer,
): Promise<UnwrittenLayer> {
  const work = [
    ...(await rotationTensors(rotation)),
    await floatTensor(DENSE, streams.dense),
    await floatTensor(ROTATED, streams.rotated),
    await floatTensor(PRUNED, streams.pruned),
  ];
  return {
    write: (path) =>
      writeSafetensors(path, [...outputs, ...work], { finished: JSON.stringify(finished) }),
  };
}

export interface LayerFile {
  readonly finished: FinishedLayer;
  /** The tensors that go into the output. */
  readonly outputs: readonly TensorEntry[];
  readInto: Checkpoint["readInto"];
  readRotation(): Promise<Rotation>;
  readStreams(): Promise<SelfTestStreams>;
  close(): Promise<void>;
}

/** @throws pipeline/corrupt-work and what reading a safetensors file may throw */
export async function openLayerFile(path: string): Promise<LayerFile> {
  const file = await openCheckpoint(path);
  const report = file.metadata.finished;
  if (report === undefined) throw corruptWork(path, "its layer report is missing");
  return {
    // Written by this version of the program (run.json says so) in one rename: not validated field by field.
    finished: JSON.parse(report) as FinishedLayer,
    outputs: [...file.tensors.values()].filter(({ name }) => !name.startsWith("work.")),
    readInto: (name, target, start) => file.readInto(name, target, start),
    readRotation: () => readRotation(file),
    async readStreams() {
      return {
        dense: (await readTensor(file, DENSE)) as tf.Tensor3D,
        rotated: (await readTensor(file, ROTATED)) as tf.Tensor3D,
        pruned: (await readTensor(file, PRUNED)) as tf.Tensor3D,
      };
    },
    close: () => file.close(),
  };
}
