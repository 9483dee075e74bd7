/**
 * A finished layer on disk: its output tensors in their final dtype under their final names, and what the run still
 * needs of it (rotation, self-test streams, report). Its existence is what "finished" means.
 */
import type * as tf from "@tensorflow/tfjs-core";
import { beside } from "../backend/index.ts";
import {
  GrowingFile,
  openCheckpoint,
  type Checkpoint,
  type TensorEntry,
  type TensorSpec,
} from "../checkpoint/index.ts";
import type { Rotation } from "../method/index.ts";
import type { Fallback, LayerReport } from "../report.ts";
import { corruptWork } from "./errors.ts";
import { inStep } from "./inStep.ts";
import { floatBytes, readRotation, readTensor, rotationParts } from "./rotationFile.ts";

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

/** JSON, as bytes. */
const FINISHED = "work.finished";

/**
 * A layer file in the making: tensors reach the disk as they are made, and nothing of them is held. It appears under
 * its name when it is finished.
 */
export class LayerFileWriter {
  /** The writes so far, one after the other; a failed one is told by whoever waits next. */
  #writing: Promise<void> = Promise.resolve();

  private constructor(private readonly file: GrowingFile) {}

  static async begin(path: string): Promise<LayerFileWriter> {
    return new LayerFileWriter(await GrowingFile.begin(path));
  }

  /** @param parts the tensor's bytes one below the other; may still be on their way from the device */
  store(spec: TensorSpec, parts: readonly Promise<Uint8Array>[]): void {
    const written = this.#writing.then(async () => {
      await this.file.append(spec, await Promise.all(parts));
    });
    this.#writing = beside(written);
  }

  /** Resolves when everything that was stored so far has left memory. */
  async written(): Promise<void> {
    await this.#writing;
  }

  /** Adds what the run still needs of the layer; the tensors have served when it resolves. */
  async describe(
    rotation: Rotation,
    streams: SelfTestStreams,
    finished: FinishedLayer,
  ): Promise<void> {
    const tensors = [
      ...rotationParts(rotation),
      [DENSE, streams.dense],
      [ROTATED, streams.rotated],
      [PRUNED, streams.pruned],
    ] as const;
    for (const [name, t] of tensors) {
      const data = floatBytes(t);
      this.store({ name, dtype: "F32", shape: t.shape }, [data]);
      await inStep(data);
    }
    const report = Buffer.from(JSON.stringify(finished));
    const shape = [report.byteLength];
    this.store({ name: FINISHED, dtype: "U8", shape }, [Promise.resolve(report)]);
  }

  async finish(): Promise<void> {
    await this.#writing;
    await this.file.finish();
  }

  /** Gives up what is not finished. */
  async abort(): Promise<void> {
    await this.#writing.catch(() => undefined);
    await this.file.abort();
  }
}

export interface LayerFile {
  readonly finished: FinishedLayer;
  /** The tensors that go into the output. */
  readonly outputs: readonly TensorEntry[];
  readInto: Checkpoint["readInto"];
  readRotation(): Promise<Rotation>;
  readStreams(): Promise<SelfTestStreams>;
}

/**
 * Opens a finished layer for `use`.
 * @throws pipeline/corrupt-work and what reading a safetensors file may throw
 */
export async function withLayerFile<T>(
  path: string,
  use: (layer: LayerFile) => Promise<T>,
): Promise<T> {
  const file = await openCheckpoint(path);
  try {
    return await use(await layerFile(file, path));
  } finally {
    await file.close();
  }
}

async function layerFile(file: Checkpoint, path: string): Promise<LayerFile> {
  if (!file.tensors.has(FINISHED)) throw corruptWork(path, "its layer report is missing");
  const report = Buffer.from(await file.readBytes(FINISHED)).toString();
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
  };
}
