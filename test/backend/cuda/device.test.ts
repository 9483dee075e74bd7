/** The device as TensorFlow.js meets it: data there and back, failures told, everything given back. */
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, describe, expect, test } from "vitest";
import {
  addProduct,
  forgetRounded,
  hostArray,
  inFullPrecision,
  openBackend,
  readInto,
  searchAddProduct,
  searchProduct,
  uploaded,
  type Backend,
  type OpenOptions,
} from "../../../daemon/backend/index.ts";
import type { CudaBackend, Program } from "../../../daemon/backend/cuda/runtime.ts";
import { i32, pointer } from "../../../daemon/backend/cuda/runtime.ts";
import { testGpu } from "./testGpu.ts";

const gpu = await testGpu();
const { emulation } = gpu;

let backend: Backend | undefined;
async function open(options: OpenOptions = {}): Promise<CudaBackend> {
  backend = await openBackend("cuda", options);
  return tf.backend() as CudaBackend;
}
afterEach(async () => {
  await backend?.dispose();
  backend = undefined;
});

const counted = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => i - 7);
/** Byte for byte; printing millions of elements that differ helps nobody. */
const same = (a: ArrayBufferView, b: ArrayBufferView): boolean =>
  Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(
    Buffer.from(b.buffer, b.byteOffset, b.byteLength),
  );
const failed = { code: "backend/device-failed" };

describe.skipIf(gpu.kind === "none")(gpu.name, () => {
  test.each([0, 1, 1000, 300_000, 3_000_000])("%i elements go there and back", async (length) => {
    await open();
    const x = tf.tensor1d(counted(length));
    expect(same(await x.data(), counted(length))).toBe(true);
    expect(same(x.dataSync(), counted(length))).toBe(true);
    x.dispose();
  });

  test("integers and booleans keep their type", async () => {
    await open();
    const [n, b] = [tf.tensor1d([-3, 4], "int32"), tf.tensor1d([true, false, true], "bool")];
    expect(await n.data()).toEqual(Int32Array.of(-3, 4));
    expect(await b.data()).toEqual(Uint8Array.of(1, 0, 1));
    expect(() => tf.tensor1d(["a"], "string")).toThrow(
      expect.objectContaining({ code: "backend/unsupported-type" }),
    );
  });

  test("a tensor may be disposed while it is read", async () => {
    const cuda = await open();
    const before = tf.memory().numBytes;
    const used = memoryOf(cuda);
    const x = tf.tensor1d(counted(200_000));
    const reading = x.data();
    x.dispose();
    const other = tf.zeros([200_000]);
    expect(same(await reading, counted(200_000))).toBe(true);
    other.dispose();
    expect([tf.memory().numBytes, memoryOf(cuda)]).toEqual([before, used]);
  });

  test("reads at the same time do not mix", async () => {
    await open();
    const tensors = [1, 2, 3, 4, 5].map((value) => tf.fill([700_000], value));
    const values = await Promise.all(tensors.map((x) => x.data()));
    values.forEach((read, i) => {
      expect(read.every((value) => value === i + 1)).toBe(true);
    });
    tf.dispose(tensors);
  });

  test("another shape of the same data lives as long as one of them", async () => {
    const cuda = await open();
    const used = memoryOf(cuda);
    const x = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    const flat = tf.reshape(x, [4]);
    x.dispose();
    expect(await flat.data()).toEqual(Float32Array.of(1, 2, 3, 4));
    flat.dispose();
    expect(memoryOf(cuda)).toBe(used);
  });

  describe("products", () => {
    /** Integers that even bfloat16 holds: every precision gives the same. */
    const [m, k, n] = [3, 5, 4];
    const left = Float32Array.from({ length: m * k }, (_, i) => (i % 7) - 3);
    const right = Float32Array.from({ length: k * n }, (_, i) => (i % 5) - 2);
    const expected = Float32Array.from({ length: m * n }, (_, at) => {
      const [row, col] = [Math.floor(at / n), at % n];
      let sum = 0;
      for (let i = 0; i < k; i++) sum += (left[row * k + i] ?? 0) * (right[i * n + col] ?? 0);
      return sum;
    });

    test.each(["tf32", "bf16", "f32"] as const)("in %s", async (precision) => {
      await open({ precision });
      const product = tf.matMul(tf.tensor2d(left, [m, k]), tf.tensor2d(right, [k, n]));
      expect(await product.data()).toEqual(expected);
    });

    test("an operand of a search is rounded once, until it changes or is in none any more", async () => {
      const cuda = await open({ precision: "bf16" });
      const values = (x: tf.Tensor): Promise<number[][]> => x.array() as Promise<number[][]>;
      let a = tf.fill<tf.Rank.R2>([64, 64], 1 + 2 ** -20);
      const b = tf.eye(64);
      const search = (): tf.Tensor => searchProduct(a, b);
      const used = memoryOf(cuda);
      const first = search();
      // The product, and both operands in half.
      const held = memoryOf(cuda) - used;
      expect(held).toBe(2 * 4 * 64 * 64);
      const second = search();
      expect(memoryOf(cuda) - used).toBe(held + 4 * 64 * 64);
      a = addProduct(a, b, b);
      const changed = search();
      const inFull = inFullPrecision(search);
      expect((await values(first))[0]).toEqual(new Array(64).fill(1));
      expect(await values(second)).toEqual(await values(first));
      expect((await values(changed))[0]?.slice(0, 2)).toEqual([2, 1]);
      expect((await values(inFull))[0]?.slice(0, 2)).toEqual(
        [2 + 2 ** -20, 1 + 2 ** -20].map(Math.fround),
      );
      tf.dispose([first, second, changed, inFull]);
      forgetRounded(a);
      b.dispose();
      expect(memoryOf(cuda)).toBe(used - 4 * 64 * 64);
      a.dispose();
    });

    test("in full float32 where that is asked for, and only there", async () => {
      await open({ precision: "bf16" });
      const [x, one] = [tf.tensor2d([1 + 2 ** -20], [1, 1]), tf.ones<tf.Rank.R2>([1, 1])];
      const rounded = tf.matMul(x, one);
      const full = inFullPrecision(() => tf.matMul(x, one));
      const after = tf.matMul(x, one);
      const values = await Promise.all([rounded, full, after].map((product) => product.data()));
      expect(values.map(([value]) => value)).toEqual([1, 1 + 2 ** -20, 1]);
    });

    test("added in full float32, but where the sum only guides a search", async () => {
      await open({ precision: "bf16" });
      const [x, one] = [tf.tensor2d([1 + 2 ** -20], [1, 1]), tf.ones<tf.Rank.R2>([1, 1])];
      const sums = [addProduct, searchAddProduct].map((add) => add(tf.zeros([1, 1]), x, one));
      const values = await Promise.all(sums.map((sum) => sum.data()));
      expect(values.map(([value]) => value)).toEqual([1 + 2 ** -20, 1]);
    });

    test("with an operand stored as bfloat16", async () => {
      const cuda = await open();
      const used = memoryOf(cuda);
      const [a, b] = [tf.tensor2d(left, [m, k]), tf.tensor2d(right, [k, n])];
      const c = cuda.output([m, n], "float32");
      const stored = cuda.runtime.toBf16(cuda.address(b), k * n);
      cuda.runtime.gemm({
        ...{ m, n, k, transposeA: false, transposeB: false },
        ...{ a: cuda.address(a), b: stored.address, c: cuda.address(c), storedB: "bf16" },
      });
      cuda.runtime.free(stored);
      expect(await cuda.read(c.dataId)).toEqual(expected);
      cuda.release(c);
      tf.dispose([a, b]);
      expect(memoryOf(cuda)).toBe(used);
    });

    test("bfloat16 rounds to nearest, ties to even", async () => {
      const cuda = await open();
      const ulp = 2 ** -7;
      const values = [1, 1 + ulp / 2, 1 + (3 * ulp) / 2, 1 + ulp * 0.51, -1 - ulp / 2, 3e38, NaN];
      const x = tf.tensor1d(values);
      const rounded = cuda.runtime.toBf16(cuda.address(x), values.length);
      const words = cuda.output([4], "int32");
      cuda.runtime.fill(cuda.address(words), 0, 16);
      cuda.runtime.copy(cuda.address(words), rounded.address, 2 * values.length);
      const read = await cuda.read(words.dataId);
      const bits = new Uint16Array((read as Int32Array).buffer);
      const back = [...bits.subarray(0, 7)].map(
        (bf16) => new Float32Array(Uint32Array.of(bf16 << 16).buffer)[0] ?? 0,
      );
      expect(back.slice(0, 5)).toEqual([1, 1, 1 + 2 * ulp, 1 + ulp, -1]);
      expect(Math.abs((back[5] ?? 0) / 3e38 - 1)).toBeLessThan(ulp);
      expect(back[6]).toBeNaN();
      cuda.runtime.free(rounded);
      cuda.release(words);
    });
  });

  test("host arrays go to the device and back, filled again and again", async () => {
    await open();
    const [source, target] = [hostArray(300_000), hostArray(300_000)];
    for (let round = 0; round < 4; round++) {
      source.values.fill(round);
      const x = tf.tensor1d(source.values);
      const twice = tf.add(x, x);
      x.dispose();
      await uploaded();
      source.values.fill(-1);
      await readInto(twice, target.values);
      expect(target.values.every((value) => value === 2 * round)).toBe(true);
      const plain = new Float32Array(300_000);
      await readInto(twice, plain);
      expect(same(plain, target.values)).toBe(true);
      twice.dispose();
    }
    source.release();
    target.release();
    target.release();
  });

  test("a part of a host array is that part", async () => {
    await open();
    const host = hostArray(1000);
    host.values.set(counted(1000));
    const x = tf.tensor1d(host.values.subarray(100, 400));
    expect(same(await x.data(), counted(1000).subarray(100, 400))).toBe(true);
    await readInto(x, host.values.subarray(700));
    expect(same(host.values.subarray(700), counted(1000).subarray(100, 400))).toBe(true);
    expect(host.values[699]).toBe(692);
    await expect(readInto(x, host.values)).rejects.toThrow(/does not fit/);
  });

  test("a GPU that is not there is named with those that are", async () => {
    await expect(openBackend("cuda:9")).rejects.toMatchObject({
      code: "backend/no-such-gpu",
      message: expect.stringMatching(/no GPU cuda:9 here\. There are: cuda:0 /) as string,
    });
  });

  test("a kernel's time is the device's", async () => {
    await open();
    const { kernelMs } = await tf.time(() => {
      tf.tidy(() => tf.square(tf.ones([100, 100])));
    });
    expect(kernelMs).toBeGreaterThanOrEqual(0);
  });

  test("a tensor of more elements than kernels count is refused, and work goes on", async () => {
    const cuda = await open();
    expect(() => cuda.output([2 ** 16, 2 ** 15], "bool")).toThrow(
      expect.objectContaining({
        code: "backend/tensor-too-large",
        message: expect.stringMatching(/^cuda: /) as string,
      }),
    );
    expect(await tf.ones([3]).data()).toEqual(Float32Array.of(1, 1, 1));
  });

  test("a tensor that is read is not written in place", async () => {
    await open();
    const [sum, one] = [tf.tensor2d([1], [1, 1]), tf.ones<tf.Rank.R2>([1, 1])];
    const reading = sum.data();
    expect(() => addProduct(sum, one, one)).toThrow(/is being read/);
    expect(await reading).toEqual(Float32Array.of(1));
    expect(await addProduct(sum, one, one).data()).toEqual(Float32Array.of(2));
  });

  test("more than the device has: sizes and advice, and work goes on", async () => {
    const cuda = await open();
    const { totalBytes } = cuda.runtime.gpu;
    expect(() => cuda.runtime.allocate(2 * totalBytes)).toThrow(
      expect.objectContaining({ code: "backend/gpu-out-of-memory" }),
    );
    expect(await tf.ones([3]).data()).toEqual(Float32Array.of(1, 1, 1));
  });
});

function memoryOf(cuda: CudaBackend): number {
  return (cuda.memory() as { unreliable: boolean; numBytesInGPU: number }).numBytesInGPU;
}

describe.skipIf(emulation === undefined)("what only the emulated GPU can show", () => {
  test("a device gives everything back, and opens again", async () => {
    await open();
    await backend?.dispose();
    const left = held();
    await open();
    const x = tf.tensor1d(counted(2_000_000));
    await tf.square(x).data();
    await tf.tidy(() => tf.sum(tf.slice(x, [0], [10]))).data();
    x.dataSync();
    // The tensor is not disposed of: its memory goes with the device.
    await backend?.dispose();
    backend = undefined;
    expect(held()).toEqual(left);
  });

  test("a thousand steps leave what they found", async () => {
    await open();
    const w = tf.variable(tf.ones([8, 8]));
    const step = async (): Promise<void> => {
      const loss = tf.tidy(() => {
        const x = tf.tensor2d(counted(16), [2, 8]);
        w.assign(tf.mul(w, 0.999));
        return tf.sum(tf.matMul(x, w));
      });
      await loss.data();
      loss.dispose();
    };
    for (let i = 0; i < 20; i++) await step();
    const before = held();
    for (let i = 0; i < 1000; i++) await step();
    expect(held()).toEqual(before);
    w.dispose();
  });

  test("a GPU that has memory pools and refuses to use them works all the same", async () => {
    emulation?.failNext("cuMemAllocAsync", 801);
    await open();
    const large = tf.tensor1d(counted(1_000_000));
    const twice = tf.add(large, large);
    large.dispose();
    const again = tf.sub(twice, tf.tensor1d(counted(1_000_000)));
    expect(same(await again.data(), counted(1_000_000))).toBe(true);
  });

  test.each(["cuModuleLoadData", "cuLaunchKernel"])(
    "work goes on when %s finds no memory at first",
    async (call) => {
      await open();
      const x = tf.tensor1d(counted(10));
      emulation?.failNext(call, 2);
      expect(await tf.square(x).data()).toEqual(counted(10).map((value) => value ** 2));
    },
  );

  test("and when a kernel that wants much shared memory finds none for its code", async () => {
    const cuda = await open();
    const x = tf.tensor1d([1, 2, 3]);
    emulation?.failNext("cuFuncSetAttribute", 2);
    cuda.runtime.launch({
      program: {
        name: "twice.cu",
        source: `extern "C" __global__ void twice(float* x) { x[threadIdx.x] *= 2.0f; }`,
      },
      ...{ entry: "twice", grid: [1], block: [3], sharedBytes: 100_000 },
      args: [pointer(cuda.address(x))],
    });
    expect(await x.data()).toEqual(Float32Array.of(2, 4, 6));
  });

  test("without page-locked memory host arrays are plain ones, and work goes on", async () => {
    await open();
    emulation?.failNext("cuMemAllocHost_v2", 2);
    const plain = hostArray(10);
    plain.values.set(counted(10));
    const before = held();
    emulation?.failNext("cuMemAllocHost_v2", 2);
    expect(() => tf.tensor1d(plain.values)).toThrow(
      expect.objectContaining({ code: "backend/host-memory" }),
    );
    expect(held()).toEqual(before);
    // Too large to go with the computation: its memory was taken on another stream, and goes in order.
    emulation?.failNext("cuMemAllocHost_v2", 2);
    expect(() => tf.tensor1d(counted(1_000_000))).toThrow(
      expect.objectContaining({ code: "backend/host-memory" }),
    );
    expect(held()).toEqual(before);
    const x = tf.tensor1d(plain.values);
    const events = held().events;
    for (const read of [() => x.data(), () => Promise.resolve().then(() => x.dataSync())]) {
      emulation?.failNext("cuMemAllocHost_v2", 2);
      await expect(read).rejects.toMatchObject({ code: "backend/host-memory" });
    }
    expect(held().events).toBe(events);
    await readInto(x, plain.values.fill(0));
    expect(same(plain.values, counted(10))).toBe(true);
    plain.release();
  });

  test("one that fails in the last step of opening leaves nothing behind", async () => {
    emulation?.failNext("cuMemGetInfo_v2", 999);
    await expect(openBackend("cuda")).rejects.toMatchObject(failed);
    expect(tf.findBackendFactory("cuda")).toBeFalsy();
    await open();
    expect(await tf.ones([2]).data()).toEqual(Float32Array.of(1, 1));
  });

  test("a second device beside the first is refused, and the first goes on", async () => {
    await open();
    const before = held();
    await expect(openBackend("cuda")).rejects.toMatchObject({ code: "backend/start-failed" });
    expect(held()).toEqual(before);
    expect(await tf.ones([2]).data()).toEqual(Float32Array.of(1, 1));
  });

  test("a kernel without room for all of its memory keeps none", async () => {
    const cuda = await open({ precision: "bf16" });
    const x = tf.tensor2d(counted(64), [8, 8]);
    for (const run of [() => tf.topk(x, 3), () => tf.cumsum(x), () => tf.matMul(x, x)]) {
      tf.dispose(run());
      const used = memoryOf(cuda);
      for (let room = 0; room < 20; room++) {
        const allocate = cuda.runtime.allocate.bind(cuda.runtime);
        let left = room;
        cuda.runtime.allocate = (bytes) => {
          if (left-- > 0) return allocate(bytes);
          throw new Error("no room");
        };
        try {
          tf.dispose(run());
          break;
        } catch (error) {
          expect(error).toMatchObject({ message: "no room" });
          expect(memoryOf(cuda)).toBe(used);
        } finally {
          cuda.runtime.allocate = allocate;
        }
      }
      expect(memoryOf(cuda)).toBe(used);
    }
    x.dispose();
  });

  test("a device that does not start says why, and starts later", async () => {
    emulation?.failNext("cuStreamCreate", 999);
    await expect(openBackend("cuda")).rejects.toMatchObject({
      code: "backend/start-failed",
      message: expect.stringMatching(/cuStreamCreate returned .*\(999\)/) as string,
    });
    await open();
    expect(await tf.ones([2]).data()).toEqual(Float32Array.of(1, 1));
  });

  test.each([
    ["cuMemcpyDtoHAsync_v2", (x: tf.Tensor) => x.data()],
    ["cuEventQuery", (x: tf.Tensor) => x.data()],
    ["cuLaunchKernel", async (x: tf.Tensor) => tf.square(x).data()],
    ["cuMemAllocAsync", async (x: tf.Tensor) => tf.square(x).data()],
  ])("after %s failed nothing is read any more", async (call, use) => {
    await open();
    const x = tf.tensor1d([1, 2, 3]);
    const host = hostArray(3);
    await tf.square(x).data();
    emulation?.failNext(call, 700);
    await expect(async () => use(x)).rejects.toMatchObject({
      ...failed,
      message: expect.stringMatching(/CUDA_ERROR_ILLEGAL_ADDRESS.*--resume/) as string,
    });
    await expect(x.data()).rejects.toMatchObject(failed);
    expect(() => x.dataSync()).toThrow(expect.objectContaining(failed));
    expect(() => tf.ones([2])).toThrow(expect.objectContaining(failed));
    await expect(uploaded()).rejects.toMatchObject(failed);
    // Giving back is no failure of its own: it would hide the one that counts.
    x.dispose();
    host.release();
  });

  test("a kernel that writes where nothing is ends the device", async () => {
    const wild: Program = {
      name: "wild.cu",
      source: `extern "C" __global__ void wild(float* x, int at) { x[at] = 1.0f; }`,
    };
    const cuda = await open();
    const x = tf.tensor1d([1, 2, 3]);
    cuda.runtime.launch({
      ...{ program: wild, entry: "wild", grid: [1], block: [1] },
      args: [pointer(cuda.address(x)), i32(70)],
    });
    await expect(x.data()).rejects.toMatchObject(failed);
    await expect(x.data()).rejects.toMatchObject(failed);
  });
});

/** What the emulated driver has given out. */
function held() {
  if (emulation === undefined) throw new Error("no emulation");
  const { allocations, bytes, pinned, modules, streams, events } = emulation.counters();
  return { allocations, bytes, pinned, modules, streams, events };
}
