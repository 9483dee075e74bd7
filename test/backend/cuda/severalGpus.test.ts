/** Two GPUs on one run: the same numbers as on one, data where it is asked for, nothing kept. */
import * as tf from "@tensorflow/tfjs-core";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  addProduct,
  gpuCount,
  listDevices,
  onGpu,
  openBackend,
  type Backend,
} from "../../../daemon/backend/index.ts";
import { openCheckpoint } from "../../../daemon/checkpoint/index.ts";
import {
  disposeContext,
  disposeLayer,
  openModel,
  readLayer,
  sequenceContext,
} from "../../../daemon/model/index.ts";
import { writeStream, type StreamReader } from "../../../daemon/pipeline/activations.ts";
import { collectHessians, propagate } from "../../../daemon/pipeline/collect.ts";
import { eachStreamed } from "../../../daemon/pipeline/streamPasses.ts";
import { seededRandom } from "../../../daemon/random.ts";
import { writeTinyModel } from "../../support/tinyModel.ts";
import type { CudaDevice } from "../../../daemon/backend/cuda/device.ts";
import type { CudaBackend } from "../../../daemon/backend/cuda/runtime.ts";
import { testGpu } from "./testGpu.ts";

// Read by the emulated driver when it starts; a machine with real GPUs has what it has.
process.env.EMULATED_GPU_COUNT = "2";
const gpu = await testGpu();
const report = (await listDevices()).find(({ device }) => device === "cuda");
const two = gpu.kind !== "none" && (report?.detail.includes("cuda:1 ") ?? false);
if (!two)
  console.log(`several GPUs: not tested, ${gpu.kind === "none" ? gpu.name : "only one GPU"}`);

describe.skipIf(!two)(`two GPUs (${gpu.name})`, () => {
  let backend: Backend;
  let cuda: CudaBackend;
  beforeAll(async () => {
    backend = await openBackend("cuda:0,1", { precision: "f32" });
    cuda = tf.backend() as CudaBackend;
  });
  afterAll(() => backend.dispose());
  let atStart = 0;
  afterEach(() => {
    if (atStart > 0) expect(usedBytes()).toBe(atStart);
  });
  const usedBytes = (): number =>
    (cuda.memory() as { unreliable: boolean; numBytesInGPU: number }).numBytesInGPU;
  const begin = (): void => {
    atStart = usedBytes();
  };

  test("are two, named as they were asked for", () => {
    expect(gpuCount()).toBe(2);
    expect(backend.description).toMatch(/cuda on .* and .*, cuBLAS/);
  });

  test("what is made on one is read and used on the other", async () => {
    begin();
    const x = onGpu(1, () => tf.tensor1d([1, 2, 3]));
    const y = onGpu(0, () => tf.mul(x, 2));
    const z = onGpu(1, () => tf.add(x, y));
    expect([...(await z.data())]).toEqual([3, 6, 9]);
    expect([...(await x.data())]).toEqual([1, 2, 3]);
    expect([...(await y.data())]).toEqual([2, 4, 6]);
    tf.dispose([x, y, z]);
  });

  test("a copy is made once, however often it is asked for", () => {
    begin();
    const x = tf.ones([1000]);
    const before = usedBytes();
    const results = [1, 2, 3].map((k) => onGpu(1, () => tf.mul(x, k)));
    const each = 4096;
    expect(usedBytes() - before).toBe(4 * each);
    tf.dispose([x, ...results]);
  });

  test("a sum in place is the same wherever it goes on", async () => {
    begin();
    const a = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    let sum = tf.zeros<tf.Rank.R2>([2, 2]);
    const seen = onGpu(1, () => tf.add(sum, 0));
    for (const index of [0, 1, 1, 0]) {
      sum = onGpu(index, () => addProduct(sum, a, a));
    }
    const there = onGpu(1, () => tf.add(sum, 0));
    expect([...(await sum.data())]).toEqual([28, 40, 60, 88]);
    expect([...(await there.data())]).toEqual([28, 40, 60, 88]);
    expect([...(await seen.data())]).toEqual([0, 0, 0, 0]);
    tf.dispose([a, sum, seen, there]);
  });

  test("parts of a sum made at the same time add up to the whole", async () => {
    begin();
    const random = (rows: number) => tf.randomUniform<tf.Rank.R2>([rows, 24], -1, 1, "float32", 5);
    const w = random(24);
    const parts = Array.from({ length: 7 }, () => random(33));
    const gram = (x: tf.Tensor2D) => tf.tidy(() => tf.matMul(tf.matMul(x, w), x, false, true));
    const alone = tf.tidy(() => tf.addN(parts.map(gram)));
    const shared = parts.map((x, i) => onGpu(i, () => gram(x)));
    const together = tf.addN(shared);
    expect([...(await together.data())]).toEqual([...(await alone.data())]);
    tf.dispose([w, alone, together, ...parts, ...shared]);
  });

  test("reading waits for the GPU that computes, not for the other", async () => {
    begin();
    const results = Array.from({ length: 6 }, (_, i) => onGpu(i, () => tf.fill([50_000], i)));
    const values = await Promise.all(results.map((x) => x.data()));
    values.forEach((read, i) => {
      expect(read.every((value) => value === i)).toBe(true);
    });
    tf.dispose(results);
  });

  test("calibration windows shared by both give the sums and streams of one", async () => {
    const folder = await mkdtemp(join(tmpdir(), "two-gpus-"));
    const model = openModel(await openCheckpoint(await writeTinyModel(folder, { layers: 1 })));
    try {
      begin();
      // Long enough for two batches (windowsPerBatch).
      const T = 256;
      const context = sequenceContext(model.config, T);
      const layer = await readLayer(model.checkpoint, model.config, 0);
      const { d } = model.config.shape;
      const shape = { windows: 10, seqLen: T, d };
      const random = seededRandom(3);
      const values = Float32Array.from({ length: 10 * T * d }, () => random.normal());
      const stream = await writeStream(join(folder, "in"), shape, (target) =>
        target.write(0, values),
      );
      const pass = { layer, index: 0, context, signal: new AbortController().signal };
      const [two, one] = await sharedBy(async () => {
        const hessians = await collectHessians(stream, ["qkv", "down"], pass);
        const out = await writeStream(join(folder, "out"), shape, (target) =>
          propagate(stream, target, pass),
        );
        const sums = await Promise.all([hessians.qkv.data(), hessians.down.data()]);
        tf.dispose(Object.values(hessians));
        const outputs = await out.read(0, 10);
        await out.close();
        return { outputs, sums: sums.flatMap((sum) => [...sum]) };
      });
      await stream.close();
      disposeLayer(layer);
      disposeContext(context);
      expect(Buffer.from(two.outputs.buffer).equals(Buffer.from(one.outputs.buffer))).toBe(true);
      two.sums.forEach((value, at) => {
        expect(value).toBeCloseTo(one.sums[at] ?? NaN, 3);
      });
    } finally {
      await model.checkpoint.close();
      await rm(folder, { recursive: true, force: true });
    }
  });

  test("a batch that stays on a GPU is computed there in every pass, and copied to no other", async () => {
    const folder = await mkdtemp(join(tmpdir(), "two-gpus-"));
    begin();
    const shape = { windows: 5, seqLen: 16, d: 64 };
    const batchBytes = 4 * 16 * 64;
    const values = Float32Array.from({ length: 5 * 16 * 64 }, (_, i) => i);
    const stream = await writeStream(join(folder, "in"), shape, (target) =>
      target.write(0, values),
    );
    const kept = (index: number): number =>
      onGpu(index, () => (cuda.runtime as unknown as Pick<CudaDevice, "pool">).pool).kept.bytes /
      batchBytes;
    const pass = { perBatch: 1, signal: new AbortController().signal, leave: 0 };
    const passOn = (from: StreamReader, name: string) =>
      writeStream(join(folder, name), shape, (target) =>
        eachStreamed(from, { ...pass, last: true }, ({ x, gpu: index, from: at }) => {
          const before = usedBytes();
          const out = onGpu(index, () => tf.add<tf.Tensor3D>(x, 1));
          expect(usedBytes() - before).toBe(batchBytes);
          target.pass(at, out, 0);
          return Promise.resolve();
        }),
      );
    await eachStreamed(stream, pass, () => Promise.resolve());
    expect([kept(0), kept(1)]).toEqual([3, 2]);
    const next = await passOn(stream, "1");
    expect([kept(0), kept(1)]).toEqual([3, 2]);
    const last = await passOn(next, "2");
    expect([...(await last.read(0, 5))]).toEqual([...values.map((x) => x + 2)]);
    for (const each of [stream, next, last]) await each.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** The same work on both GPUs, then on the first alone. */
  async function sharedBy<T>(work: () => Promise<T>): Promise<[two: T, one: T]> {
    const two = await work();
    Object.defineProperty(cuda, "gpuCount", { value: 1, configurable: true });
    const one = await work();
    Reflect.deleteProperty(cuda, "gpuCount");
    return [two, one];
  }

  test("which one computes ends with the call, also when it fails", () => {
    expect(() =>
      onGpu(1, () => {
        throw new Error("stop");
      }),
    ).toThrow("stop");
    expect(cuda.runtime.gpu.name).toBe(onGpu(0, () => cuda.runtime.gpu.name));
  });
});

describe.skipIf(!two)(`two GPUs that are closed (${gpu.name})`, () => {
  test.each([0, 1])("while what GPU %i has is on its way to the other", async (from) => {
    const backend = await openBackend("cuda:0,1", { precision: "f32" });
    const x = onGpu(from, () => tf.fill([3, 1000], 1));
    onGpu(1 - from, () => tf.add(x, 1));
    await backend.dispose();
    expect(gpu.emulation?.fault() ?? "").toBe("");
  });
});
