/**
 * Streams that stay on the card: the same bytes whether all of a stream is there, some of it, or nothing; gone when
 * memory is asked for; and the file as complete as without.
 */
import * as tf from "@tensorflow/tfjs-core";
import { cpSync, existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { CudaDevice } from "../../../daemon/backend/cuda/device.ts";
import { openBackend, type Backend } from "../../../daemon/backend/index.ts";
import { openCheckpoint } from "../../../daemon/checkpoint/index.ts";
import {
  disposeContext,
  disposeLayer,
  openModel,
  readLayer,
  sequenceContext,
} from "../../../daemon/model/index.ts";
import {
  openStream,
  writeStream,
  type StreamReader,
  type StreamShape,
} from "../../../daemon/pipeline/activations.ts";
import { collectHessians, propagate } from "../../../daemon/pipeline/collect.ts";
import { pruneOn, silent, type PruneOptions } from "../../../daemon/pipeline/index.ts";
import { LayerAhead } from "../../../daemon/pipeline/layerAhead.ts";
import { eachStreamed } from "../../../daemon/pipeline/streamPasses.ts";
import { seededRandom } from "../../../daemon/random.ts";
import { workPath } from "../../../daemon/runFiles.ts";
import { INPUT_KINDS, type InputKind, type LayerShape } from "../../../daemon/vocabulary.ts";
import { contents } from "../../pipeline/useRuns.ts";
import { writeTinyModel, writeTinyText } from "../../support/tinyModel.ts";
import { testGpu } from "./testGpu.ts";

const gpu = await testGpu();
const never = new AbortController().signal;
const emulated = gpu.emulation !== undefined;

const device = (): CudaDevice => (tf.backend() as unknown as { runtime: CudaDevice }).runtime;
const usedBytes = (): number => device().pool.usedBytes;
const keptBytes = (): number => device().pool.kept.bytes;
/** Page-locked arrays that were not given back. */
const lockedArrays = (): number =>
  (tf.backend() as unknown as { locked: { inUse: Map<unknown, unknown> } }).locked.inUse.size;

/** The emulated driver asks anew at each call. */
const totalBytes = (bytes: number): void => {
  process.env.EMULATED_GPU_BYTES = String(bytes);
};

/** As on a device whose memory is the host's. */
async function withoutKeeping<T>(work: () => Promise<T>): Promise<T> {
  Object.defineProperty(tf.backend(), "keepWhileRoom", { value: undefined, configurable: true });
  try {
    return await work();
  } finally {
    Reflect.deleteProperty(tf.backend(), "keepWhileRoom");
  }
}

/** The stream, and how often its file was asked. */
function counted(stream: StreamReader): { stream: StreamReader; reads: () => number } {
  let reads = 0;
  const read: StreamReader["read"] = (...asked) => {
    reads++;
    return stream.read(...asked);
  };
  return { stream: { ...stream, read }, reads: () => reads };
}

const randomValues = (length: number): Float32Array => {
  const random = seededRandom(3);
  return Float32Array.from({ length }, () => random.normal());
};
const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

describe.skipIf(gpu.kind === "none")(`streams on the card (${gpu.name})`, () => {
  let backend: Backend;
  let folder: string;
  beforeAll(async () => {
    backend = await openBackend("cuda", { precision: "f32" });
  });
  afterAll(() => backend.dispose());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "resident-"));
  });
  afterEach(async () => {
    totalBytes(8 * 2 ** 30);
    await rm(folder, { recursive: true, force: true });
  });

  describe("passes", () => {
    const shape: StreamShape = { windows: 6, seqLen: 16, d: 32 };
    const batchBytes = 4 * shape.seqLen * shape.d;
    const values = randomValues(shape.windows * shape.seqLen * shape.d);
    const path = () => join(folder, "in");
    let stream: StreamReader;
    let atStart: number;
    beforeEach(async () => {
      atStart = usedBytes();
      stream = await writeStream(path(), shape, (target) => target.write(0, values));
    });
    afterEach(async () => {
      await stream.close();
      expect([usedBytes(), keptBytes()]).toEqual([atStart, 0]);
      expect(gpu.emulation?.fault() ?? "").toBe("");
    });

    const passOf = (more: { leave?: number; last?: boolean; perBatch?: number } = {}) => ({
      ...{ perBatch: 1, signal: never, leave: 0 },
      ...more,
    });
    /** Reads it through the card. */
    async function seen(source: StreamReader, more: Parameters<typeof passOf>[0] = {}) {
      const all = new Float32Array(values.length);
      await eachStreamed(source, passOf(more), async ({ x, from }) => {
        all.set(await x.data(), from * shape.seqLen * shape.d);
      });
      return all;
    }
    /** Twice the stream, written from the card. */
    const doubled = (leave = 0, scratch = false) =>
      writeStream(
        join(folder, "out"),
        shape,
        (target) =>
          eachStreamed(stream, passOf({ leave, last: true }), async ({ x, from }) => {
            const { stays, written } = target.pass(from, tf.mul(x, 2), leave);
            if (!stays) await written;
          }),
        { scratch },
      );
    const twice = values.map((x) => 2 * x);

    test("read the file once; what they see is the same", async () => {
      const { stream: watched, reads } = counted(stream);
      expect(await seen(watched)).toEqual(values);
      expect(reads()).toBe(shape.windows);
      expect(keptBytes()).toBe(shape.windows * batchBytes);
      expect(await seen(watched)).toEqual(values);
      expect(reads()).toBe(shape.windows);
    });

    test("in other batches see the same too", async () => {
      const { stream: watched, reads } = counted(stream);
      expect(await seen(watched, { perBatch: 2 })).toEqual(values);
      expect(await seen(watched, { perBatch: 4 })).toEqual(values);
      expect(await seen(watched, { perBatch: 4 })).toEqual(values);
      // The last two windows are the same batch in both.
      expect(reads()).toBe(3 + 1);
    });

    test("that are the last let go of what they have passed", async () => {
      await seen(stream);
      const left: number[] = [];
      await eachStreamed(stream, passOf({ last: true }), () => {
        left.push(keptBytes() / batchBytes);
        return Promise.resolve();
      });
      expect(left).toEqual([5, 4, 3, 2, 1, 0]);
    });

    test.runIf(emulated)("keep what there is room for, and read the rest", async () => {
      for (const fit of [0, 1, 4, 6]) {
        device().pool.trim();
        const work = 10 * batchBytes;
        totalBytes(usedBytes() + work + (fit + 0.5) * batchBytes);
        const { stream: watched, reads } = counted(stream);
        const leave = usedBytes() + work;
        for (const pass of [1, 2, 3]) {
          expect(await seen(watched, { leave })).toEqual(values);
          expect(keptBytes()).toBe(fit * batchBytes);
          expect(reads()).toBe(6 * pass - (pass - 1) * fit);
        }
        stream.kept.dispose();
      }
    });

    test.runIf(emulated)("go on from the file when their room was needed", async () => {
      await seen(stream);
      device().pool.trim();
      totalBytes(usedBytes() + 2 * batchBytes);
      const { stream: watched, reads } = counted(stream);
      const some = tf.fill([(3 * batchBytes) / 4], 1);
      expect(keptBytes()).toBe(3 * batchBytes);
      expect(await seen(watched, { leave: 1e9 })).toEqual(values);
      expect(reads()).toBe(3);
      // Also in the middle of a pass: the batch at work stays what it is.
      const sums: number[] = [];
      let grown: tf.Tensor | undefined;
      await eachStreamed(watched, passOf({ leave: 1e9 }), async ({ x, from }) => {
        if (from === 2) grown = tf.fill([(3 * batchBytes) / 4], 1);
        sums.push((await x.data())[7] ?? NaN);
      });
      const size = shape.seqLen * shape.d;
      expect(sums).toEqual([0, 1, 2, 3, 4, 5].map((at) => values[at * size + 7]));
      expect(keptBytes()).toBe(batchBytes);
      expect(() => tf.fill([1e9], 1)).toThrow(/GPU|memory/);
      expect(keptBytes()).toBe(0);
      tf.dispose([some, ...(grown ? [grown] : [])]);
    });

    test("end before what they pass on is in the file, where the card has it", async () => {
      const next = await doubled();
      // The emulated card copies nothing before somebody waits for it; a real one may be done already.
      if (emulated) expect(existsSync(join(folder, "out"))).toBe(false);
      expect(keptBytes()).toBe(shape.windows * batchBytes);
      expect(await next.read(5, 1)).toEqual(twice.subarray(5 * shape.seqLen * shape.d));
      expect(await seen(next)).toEqual(twice);
      await next.durable;
      expect(bytesOf(twice).equals(await readFile(join(folder, "out")))).toBe(true);
      const reopened = await openStream(join(folder, "out"), shape);
      expect(reopened && (await seen(reopened))).toEqual(twice);
      await reopened?.close();
      await next.close();
    });

    test("pass on what the card has no room for, too", async () => {
      const next = await doubled(1e15);
      expect(keptBytes()).toBe(0);
      await next.durable;
      expect(bytesOf(twice).equals(await readFile(join(folder, "out")))).toBe(true);
      await next.close();
    });

    test("that fail leave nothing, on the card or on the disk", async () => {
      const failing = writeStream(join(folder, "out"), shape, (target) =>
        eachStreamed(stream, passOf(), ({ x, from }) => {
          if (from === 4) throw new Error("stop");
          target.pass(from, tf.mul(x, 2), 0);
          return Promise.resolve();
        }),
      );
      await expect(failing).rejects.toThrow("stop");
      expect(existsSync(join(folder, "out.partial"))).toBe(false);
      expect(keptBytes()).toBe(5 * batchBytes);
    });

    test("tell of a disk that fails after them", async () => {
      // Nothing can be renamed to that.
      await mkdir(join(folder, "out"));
      const next = await doubled();
      await expect(next.durable).rejects.toMatchObject({ code: "checkpoint/write-failed" });
      await next.close();
    });
  });

  test("a layer's passes give the same Hessians and stream, and read the file once", async () => {
    // Many heads: the scores of three windows fill a batch.
    const shape: LayerShape = { d: 16, heads: 64, kvHeads: 2, headDim: 2, ffn: 32 };
    const T = 96;
    const model = openModel(
      await openCheckpoint(await writeTinyModel(folder, { layers: 1, shape })),
    );
    const context = sequenceContext(model.config, T);
    const layer = await readLayer(model.checkpoint, model.config, 0);
    const inStream: StreamShape = { windows: 4, seqLen: T, d: shape.d };
    const stream = await writeStream(join(folder, "in"), inStream, (target) =>
      target.write(0, randomValues(4 * T * shape.d)),
    );
    const before = usedBytes();
    const { stream: watched, reads } = counted(stream);
    const pass = { layer, index: 0, context, signal: never };
    /** Of the attention, where it stays: as in pruning. */
    const attended: number[] = [];
    const passes = async (): Promise<Buffer[]> => {
      const results: Buffer[] = [];
      for (const [kinds, attentionStays] of [
        [INPUT_KINDS, false],
        [["o"], true],
        [["mlp", "down"], true],
      ] as const) {
        const hessians = await collectHessians<InputKind>(watched, kinds, {
          ...pass,
          attentionStays,
        });
        attended.push([0, 3].filter((from) => stream.attended.has(from)).length);
        for (const hessian of Object.values<tf.Tensor2D>(hessians)) {
          results.push(bytesOf(await hessian.data()));
          hessian.dispose();
        }
      }
      const next = await writeStream(join(folder, "out"), inStream, (target) =>
        propagate(watched, target, { ...pass, last: true, attentionStays: true }),
      );
      attended.push([0, 3].filter((from) => stream.attended.has(from)).length);
      results.push(bytesOf(await next.read(0, 4)));
      await next.close();
      results.push(await readFile(join(folder, "out")));
      return results;
    };
    const without = await withoutKeeping(passes);
    expect(reads()).toBe(4 * 2);
    expect(await passes()).toEqual(without);
    expect(reads()).toBe(4 * 2 + 2);
    expect(attended).toEqual([0, 0, 0, 0, 0, 2, 2, 0]);
    expect(without.at(-1)).toEqual(without.at(-2));
    expect(usedBytes()).toBe(before);
    await stream.close();
    disposeLayer(layer);
    disposeContext(context);
    await model.checkpoint.close();
  });

  describe("runs", () => {
    async function options(): Promise<PruneOptions> {
      return {
        checkpoint: await writeTinyModel(folder, { layers: 2, dtype: "BF16" }),
        out: join(folder, "out"),
        calibration: [await writeTinyText(join(folder, "text.txt"))],
        ...{ samples: 3, seqLen: 16, sampling: "sequential", steps: 2 },
      };
    }
    const held = () => [usedBytes(), tf.memory().numTensors, lockedArrays()];
    const run = (asked: PruneOptions) => pruneOn(backend, asked, silent, never);

    test("end in the same bytes with streams on the card, without, and after a kill", async () => {
      const asked = await options();
      await withoutKeeping(() => run(asked));
      const whole = await contents(asked.out);
      await rm(asked.out, { recursive: true });
      const before = held();

      // What a kill would leave: the folder as it is at some moment of a stage.
      const killed: string[] = [];
      const work = workPath(asked.out);
      let stage: string | undefined;
      const listener = (event: { type: string; stage?: string; layer?: number | null }): void => {
        const now = `${event.layer ?? ""} ${event.stage ?? ""}`;
        const wanted = ["0 propagate", "1 collect", "1 prune"];
        if (event.type !== "progress" || now === stage || !wanted.includes(now)) return;
        const copy = join(folder, "killed", now);
        try {
          cpSync(work, copy, { recursive: true, force: true });
          killed.push(copy);
          stage = now;
        } catch {
          // A file was being removed: the folder of a later moment must do.
        }
      };
      await pruneOn(backend, asked, listener, never);
      expect(await contents(asked.out)).toEqual(whole);
      expect(killed.length).toBeGreaterThan(1);
      for (const copy of killed) {
        await rm(asked.out, { recursive: true });
        await rm(join(copy, "lock"), { force: true });
        await cp(copy, work, { recursive: true });
        await run({ ...asked, resume: true });
        expect(await contents(asked.out), copy).toEqual(whole);
      }
      expect(held()).toEqual(before);
    }, 120_000);

    test("that are cancelled keep nothing, and can be resumed", async () => {
      const asked = await options();
      await run(asked);
      const whole = await contents(asked.out);
      await rm(asked.out, { recursive: true });
      for (const [layer, stage] of [
        [0, "propagate"],
        [1, "collect"],
        [1, "rotate"],
        [1, "prune"],
      ] as const) {
        const control = new AbortController();
        const stopped = pruneOn(
          backend,
          { ...asked, resume: existsSync(workPath(asked.out)) },
          (event) => {
            if (event.type !== "progress") return;
            if (event.layer === layer && event.stage === stage) control.abort();
          },
          control.signal,
        );
        await expect(stopped, `${layer} ${stage}`).rejects.toThrow();
        expect([keptBytes(), lockedArrays()], `${layer} ${stage}`).toEqual([0, 0]);
      }
      await run({ ...asked, resume: true });
      expect(await contents(asked.out)).toEqual(whole);
    }, 120_000);
  });

  describe("the next layer's matrices", () => {
    test("are the checkpoint's, read once, whichever layer is asked for", async () => {
      const layers = 3;
      const checkpoint = await openCheckpoint(
        await writeTinyModel(folder, { layers, dtype: "BF16" }),
      );
      const model = openModel(checkpoint);
      const before = usedBytes();
      const ahead = new LayerAhead(model);
      const valuesOf = async (i: number, from: typeof checkpoint): Promise<Buffer[]> => {
        const layer = await readLayer(from, model.config, i);
        const read = await Promise.all(Object.values(layer.matrices).map((w) => w.data()));
        disposeLayer(layer);
        return read.map(bytesOf);
      };
      for (const [begun, asked] of [
        [0, 0],
        [1, 1],
        [2, 0],
        [1, 1],
        [3, 2],
      ] as const) {
        ahead.begin(begun);
        const from = ahead.checkpointFor(asked);
        expect(from === checkpoint).toBe(begun !== asked);
        expect(await valuesOf(asked, from)).toEqual(await valuesOf(asked, checkpoint));
      }
      ahead.begin(0);
      await ahead.dispose();
      expect([usedBytes(), lockedArrays()]).toEqual([before, 0]);
      await checkpoint.close();
    });

    test("that cannot be read are told where they are asked for", async () => {
      const checkpoint = await openCheckpoint(
        await writeTinyModel(folder, { layers: 2, dtype: "BF16" }),
      );
      const model = openModel(checkpoint);
      const ahead = new LayerAhead(model);
      await checkpoint.close();
      ahead.begin(1);
      await expect(readLayer(ahead.checkpointFor(1), model.config, 1)).rejects.toMatchObject({
        code: "checkpoint/closed",
      });
      await ahead.dispose();
    });
  });
});
