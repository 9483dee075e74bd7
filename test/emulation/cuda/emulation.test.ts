/** The emulated GPU itself: it must catch what a real one would punish. */
import path from "node:path";
import koffi from "koffi";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { emulatedCuda, emulatedGpu, type EmulatedGpu } from "./index.ts";

const { folder = "", missing } = await emulatedCuda();
if (missing !== undefined) console.log(`emulated GPU: skipped, ${missing}`);

const PROGRAM = `
extern "C" __global__ void iota(i32 n, float* out, i64 by) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = (float)(i * by);
}
template <int WIDTH> __device__ float warpSum(float x) {
  for (int lanes = WIDTH / 2; lanes > 0; lanes /= 2) x += __shfl_xor_sync(0xffffffffu, x, lanes);
  return x;
}
extern "C" __global__ void __launch_bounds__(1024) sum(const float* __restrict__ in, float* out, i32 n) {
  __shared__ float parts[32];
  DYNAMIC_SHARED(float, copy);
  copy[threadIdx.x] = threadIdx.x < n ? in[threadIdx.x] : 0.0f;
  __syncthreads();
  float x = warpSum<32>(copy[blockDim.x - 1 - threadIdx.x]);
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = x;
  __syncthreads();
  if (threadIdx.x < 32) {
    x = warpSum<32>(threadIdx.x < blockDim.x / 32 ? parts[threadIdx.x] : 0.0f);
    if (threadIdx.x == 0) *out = x;
  }
}
#define MOST 64
extern "C" __global__ void __launch_bounds__(MOST, 2) race(float* out) {
  __shared__ float all[64];
  all[threadIdx.x] = 1.0f;
  out[threadIdx.x] = all[63 - threadIdx.x];
}
extern "C" __global__ void beyond(float* out, i32 n) { out[n] = 1.0f; }
extern "C" __global__ void half_of_them() { if (threadIdx.x < 16) __syncthreads(); }
`;

/** Just enough of the driver to see it work; the backend has its own bindings. */
function openDriver() {
  const cuda = koffi.load(path.join(folder, "libcuda.so.1"));
  const nvrtc = koffi.load(path.join(folder, "libnvrtc.so.12"));
  const call = (library: ReturnType<typeof koffi.load>, signature: string) => {
    const f = library.func(signature) as (...args: unknown[]) => number;
    return (...args: unknown[]): void => {
      const status = f(...args);
      if (status !== 0) throw new Error(`${signature}: ${status}`);
    };
  };
  const u64 = (f: (out: BigUint64Array) => void): bigint => {
    const out = new BigUint64Array(1);
    f(out);
    return out[0] ?? 0n;
  };
  const launch = call(
    cuda,
    "int cuLaunchKernel(uint64_t f, uint32_t gx, uint32_t gy, uint32_t gz, uint32_t bx, uint32_t by, uint32_t bz, uint32_t shared, uint64_t stream, void *params, uint64_t *extra)",
  );
  const driver = {
    init: call(cuda, "int cuInit(uint32_t flags)"),
    retain: call(cuda, "int cuDevicePrimaryCtxRetain(uint64_t *context, int device)"),
    release: call(cuda, "int cuDevicePrimaryCtxRelease_v2(int device)"),
    setCurrent: call(cuda, "int cuCtxSetCurrent(uint64_t context)"),
    streamCreate: call(cuda, "int cuStreamCreate(uint64_t *stream, uint32_t flags)"),
    streamDestroy: call(cuda, "int cuStreamDestroy_v2(uint64_t stream)"),
    synchronize: call(cuda, "int cuStreamSynchronize(uint64_t stream)"),
    eventCreate: call(cuda, "int cuEventCreate(uint64_t *event, uint32_t flags)"),
    eventDestroy: call(cuda, "int cuEventDestroy_v2(uint64_t event)"),
    record: call(cuda, "int cuEventRecord(uint64_t event, uint64_t stream)"),
    elapsed: call(cuda, "int cuEventElapsedTime(float *ms, uint64_t start, uint64_t end)"),
    wait: call(cuda, "int cuStreamWaitEvent(uint64_t stream, uint64_t event, uint32_t flags)"),
    allocHost: call(cuda, "int cuMemAllocHost_v2(uint64_t *at, size_t bytes)"),
    freeHost: call(cuda, "int cuMemFreeHost(uint64_t at)"),
    readTo: call(
      cuda,
      "int cuMemcpyDtoHAsync_v2(uint64_t to, uint64_t from, size_t n, uint64_t stream)",
    ),
    alloc: call(cuda, "int cuMemAllocAsync(uint64_t *at, size_t bytes, uint64_t stream)"),
    free: call(cuda, "int cuMemFreeAsync(uint64_t at, uint64_t stream)"),
    read: call(
      cuda,
      "int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t n, uint64_t stream)",
    ),
    write: call(
      cuda,
      "int cuMemcpyHtoDAsync_v2(uint64_t to, void *from, size_t n, uint64_t stream)",
    ),
    load: call(cuda, "int cuModuleLoadData(uint64_t *module, void *image)"),
    unload: call(cuda, "int cuModuleUnload(uint64_t module)"),
    find: call(cuda, "int cuModuleGetFunction(uint64_t *f, uint64_t module, const char *name)"),
    create: call(
      nvrtc,
      "int nvrtcCreateProgram(uint64_t *program, const char *source, const char *name, int n, void *headers, void *names)",
    ),
    compile: call(nvrtc, "int nvrtcCompileProgram(uint64_t program, int n, const char **options)"),
    log: call(nvrtc, "int nvrtcGetProgramLog(uint64_t program, char *text)"),
    logSize: call(nvrtc, "int nvrtcGetProgramLogSize(uint64_t program, uint64_t *bytes)"),
    size: call(nvrtc, "int nvrtcGetCUBINSize(uint64_t program, uint64_t *bytes)"),
    cubin: call(nvrtc, "int nvrtcGetCUBIN(uint64_t program, void *bytes)"),
    u64,
    launch(f: bigint, grid: number, block: number, shared: number, stream: bigint, packed: Buffer) {
      const size = BigUint64Array.of(BigInt(packed.length));
      const extra = [1n, koffi.address(packed), 2n, koffi.address(size), 0n];
      launch(f, grid, 1, 1, block, 1, 1, shared, stream, null, BigUint64Array.from(extra));
    },
  };
  return driver;
}

describe.skipIf(missing !== undefined)("emulated GPU", () => {
  let driver: ReturnType<typeof openDriver>;
  let gpu: EmulatedGpu;
  let stream = 0n;
  let module = 0n;

  const build = (source: string): Buffer => {
    const program = driver.u64((out) => {
      driver.create(out, source, "program.cu", 0, null, null);
    });
    try {
      driver.compile(program, 1, ["--gpu-architecture=sm_90"]);
    } catch {
      const log = Buffer.alloc(
        Number(
          driver.u64((out) => {
            driver.logSize(program, out);
          }),
        ),
      );
      driver.log(program, log);
      throw new Error(log.toString());
    }
    const cubin = Buffer.alloc(
      Number(
        driver.u64((out) => {
          driver.size(program, out);
        }),
      ),
    );
    driver.cubin(program, cubin);
    return cubin;
  };
  const allocate = (bytes: number): bigint =>
    driver.u64((out) => {
      driver.alloc(out, bytes, stream);
    });
  const kernel = (name: string): bigint =>
    driver.u64((out) => {
      driver.find(out, module, name);
    });
  const read = (at: bigint, count: number): number[] => {
    const values = new Float32Array(count);
    driver.read(values, at, 4 * count, stream);
    return [...values];
  };
  const start = (device = 0) => {
    const context = driver.u64((out) => {
      driver.retain(out, device);
    });
    driver.setCurrent(context);
  };

  beforeAll(() => {
    driver = openDriver();
    gpu = emulatedGpu(folder);
    driver.init(0);
    start();
    stream = driver.u64((out) => {
      driver.streamCreate(out, 0);
    });
    module = driver.u64((out) => {
      driver.load(out, build(PROGRAM));
    });
  });
  afterAll(() => {
    driver.unload(module);
    driver.streamDestroy(stream);
    expect(gpu.counters()).toMatchObject({ allocations: 0, modules: 0, streams: 0, pending: 0 });
    driver.release(0);
  });

  test("parameters are packed as C packs them, and nothing runs before it is waited for", () => {
    const at = allocate(4 * 1000);
    const packed = Buffer.alloc(24);
    packed.writeInt32LE(1000, 0);
    packed.writeBigUInt64LE(at, 8);
    packed.writeBigInt64LE(3n, 16);
    driver.launch(kernel("iota"), 4, 256, 0, stream, packed);
    expect(gpu.counters().pending).toBe(1);
    expect(read(at, 1000)).toEqual(Array.from({ length: 1000 }, (_, i) => 3 * i));
    expect(() => {
      driver.launch(kernel("iota"), 4, 256, 0, stream, packed.subarray(0, 16));
    }).toThrow(": 1");
    driver.free(at, stream);
  });

  test("a block has no more threads than the kernel's launch bounds", () => {
    const at = allocate(4 * 96);
    const packed = Buffer.alloc(8);
    packed.writeBigUInt64LE(at);
    expect(() => {
      driver.launch(kernel("race"), 1, 65, 0, stream, packed);
    }).toThrow(": 1");
    driver.free(at, stream);
  });

  test("a number that looks like the address of freed memory is a number", () => {
    const [at, freed] = [allocate(4 * 2), allocate(16)];
    driver.free(freed, stream);
    const packed = Buffer.alloc(24);
    packed.writeInt32LE(2, 0);
    packed.writeBigUInt64LE(at, 8);
    packed.writeBigUInt64LE(freed, 16);
    driver.launch(kernel("iota"), 1, 32, 0, stream, packed);
    expect(read(at, 2)).toEqual([0, Math.fround(Number(freed))]);
    driver.free(at, stream);
    driver.synchronize(stream);
  });

  test("barriers, shared memory and shuffles", () => {
    const [at, out] = [allocate(4 * 1000), allocate(4)];
    const values = Float32Array.from({ length: 1000 }, (_, i) => i);
    driver.write(at, values, values.byteLength, stream);
    values.fill(NaN);
    const packed = Buffer.alloc(20);
    packed.writeBigUInt64LE(at, 0);
    packed.writeBigUInt64LE(out, 8);
    packed.writeInt32LE(1000, 16);
    driver.launch(kernel("sum"), 1, 1024, 4096, stream, packed);
    expect(read(out, 1)).toEqual([(999 * 1000) / 2]);
    driver.free(at, stream);
    driver.free(out, stream);
  });

  test("memory that nothing wrote is NaN, and so is what a missing barrier leaves", () => {
    const at = allocate(4 * 64);
    expect(read(at, 64)).toEqual(Array(64).fill(NaN));
    const packed = Buffer.alloc(8);
    packed.writeBigUInt64LE(at);
    driver.launch(kernel("race"), 1, 64, 0, stream, packed);
    expect(read(at, 64).some(Number.isNaN)).toBe(true);
    driver.free(at, stream);
  });

  test("freeing twice and reading what was freed are refused", () => {
    const at = allocate(16);
    driver.free(at, stream);
    expect(() => {
      driver.free(at, stream);
    }).toThrow(": 1");
    expect(() => read(at, 4)).toThrow(": 1");
    driver.synchronize(stream);
  });

  test("destroying an event waits for nothing, and who waits for it still does", () => {
    const other = driver.u64((out) => {
      driver.streamCreate(out, 0);
    });
    const at = allocate(4 * 3);
    const packed = Buffer.alloc(24);
    packed.writeInt32LE(3, 0);
    packed.writeBigUInt64LE(at, 8);
    packed.writeBigInt64LE(2n, 16);
    driver.launch(kernel("iota"), 1, 32, 0, stream, packed);
    const event = driver.u64((out) => {
      driver.eventCreate(out, 0);
    });
    driver.record(event, stream);
    driver.wait(other, event, 0);
    const { pending, events } = gpu.counters();
    driver.eventDestroy(event);
    expect(gpu.counters()).toMatchObject({ pending, events: events - 1 });
    const values = new Float32Array(3);
    driver.read(values, at, 4 * 3, other);
    expect([...values]).toEqual([0, 2, 4]);
    driver.free(at, stream);
    driver.streamDestroy(other);
  });

  test("an event is for the streams of its own GPU", () => {
    vi.stubEnv("EMULATED_GPU_COUNT", "2");
    try {
      start(1);
      const event = driver.u64((out) => {
        driver.eventCreate(out, 0);
      });
      start();
      driver.release(0);
      expect(() => {
        driver.record(event, stream);
      }).toThrow(": 400");
      driver.eventDestroy(event);
      driver.release(1);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test.each([
    [0, "knows when it was"],
    [2, "made without a time has none"],
  ])("an event of flags %i %s", (flags) => {
    const event = driver.u64((out) => {
      driver.eventCreate(out, flags);
    });
    driver.record(event, stream);
    driver.synchronize(stream);
    const elapsed = () => {
      driver.elapsed(new Float32Array(1), event, event);
    };
    if (flags === 0) elapsed();
    else expect(elapsed).toThrow(": 400");
    driver.eventDestroy(event);
  });

  test.each([
    ["by an event", false],
    ["by the host", true],
  ])("memory that another stream allocates is there for who waits for it %s", (_, host) => {
    const other = driver.u64((out) => {
      driver.streamCreate(out, 0);
    });
    const event = driver.u64((out) => {
      driver.eventCreate(out, 0);
    });
    const at = driver.u64((out) => {
      driver.alloc(out, 4 * 64, other);
    });
    const packed = Buffer.alloc(8);
    packed.writeBigUInt64LE(at);
    driver.record(event, other);
    if (host) driver.synchronize(other);
    else driver.wait(stream, event, 0);
    driver.launch(kernel("race"), 1, 64, 0, stream, packed);
    driver.free(at, stream);
    driver.synchronize(stream);
    driver.eventDestroy(event);
    driver.streamDestroy(other);
  });

  test("a planned failure happens once", () => {
    gpu.failNext("cuMemAllocAsync", 2);
    expect(() => allocate(16)).toThrow(": 2");
    driver.free(allocate(16), stream);
  });

  test("what does not compile says where", () => {
    expect(() => build('extern "C" __global__ void f() {\n  nothing;\n}')).toThrow(
      /program\.cu:2.*nothing/s,
    );
  });

  test.each([
    [
      "a kernel that is given freed memory",
      (at: bigint) => {
        const packed = Buffer.alloc(8);
        packed.writeBigUInt64LE(at);
        driver.free(at, stream);
        driver.launch(kernel("race"), 1, 64, 0, stream, packed);
      },
      /race was given memory that was freed/,
    ],
    [
      "a kernel that is given memory whose end has come",
      (at: bigint) => {
        const packed = Buffer.alloc(8);
        packed.writeBigUInt64LE(at);
        driver.free(at, stream);
        driver.synchronize(stream);
        driver.launch(kernel("race"), 1, 64, 0, stream, packed);
      },
      /race was given an address without memory/,
    ],
    ...(["a kernel", "a copy", "freeing"] as const).map(
      (what): [string, (at: bigint) => void, RegExp] => [
        `${what} that does not wait for its memory`,
        (at) => {
          const early = driver.u64((out) => {
            driver.streamCreate(out, 0);
          });
          const packed = Buffer.alloc(8);
          packed.writeBigUInt64LE(at);
          try {
            if (what === "a kernel") driver.launch(kernel("race"), 1, 64, 0, early, packed);
            else if (what === "a copy") driver.write(at, packed, 8, early);
            else driver.free(at, early);
          } finally {
            driver.release(0);
            start();
            driver.free(at, stream);
            driver.streamDestroy(early);
          }
        },
        /comes before its memory/,
      ],
    ),
    [
      "a copy to memory whose end has come",
      (at: bigint) => {
        const late = driver.u64((out) => {
          driver.streamCreate(out, 0);
        });
        driver.synchronize(stream);
        driver.write(at, Buffer.alloc(16), 16, late);
        driver.free(at, stream);
        driver.synchronize(stream);
        try {
          driver.synchronize(late);
        } finally {
          driver.release(0);
          start();
          driver.streamDestroy(late);
        }
      },
      /copy wrote to memory that is gone/,
    ],
    [
      "a copy that comes after the end of its source",
      (at: bigint) => {
        const [late, to] = [
          driver.u64((out) => {
            driver.streamCreate(out, 0);
          }),
          driver.u64((out) => {
            driver.allocHost(out, 16);
          }),
        ];
        driver.synchronize(stream);
        driver.readTo(to, at, 16, late);
        driver.free(at, stream);
        driver.synchronize(stream);
        try {
          driver.synchronize(late);
        } finally {
          driver.streamDestroy(late);
          driver.release(0);
          start();
          driver.freeHost(to);
        }
      },
      /copy read memory that is gone/,
    ],
    [
      "page-locked memory that goes under a copy",
      (at: bigint) => {
        const to = driver.u64((out) => {
          driver.allocHost(out, 16);
        });
        driver.readTo(to, at, 16, stream);
        driver.free(at, stream);
        driver.freeHost(to);
        driver.synchronize(stream);
      },
      /page-locked memory was freed under a copy/,
    ],
  ])("%s is an error", (_, work, words) => {
    const at = allocate(4 * 64);
    expect(() => {
      work(at);
    }).toThrow(": 700");
    expect(gpu.fault()).toMatch(words);
    driver.release(0);
    start();
    driver.synchronize(stream);
  });

  test.each([
    ["a write beyond an allocation", "beyond", ": 700", /beyond.*after an allocation of 16 bytes/],
    ["a barrier that some never reach", "half_of_them", ": 719", /half_of_them.*barrier of line/],
  ])("%s is an error that stays until the context goes", (_, name, status, words) => {
    const at = allocate(16);
    const packed = Buffer.alloc(name === "beyond" ? 12 : 0);
    if (name === "beyond") {
      packed.writeBigUInt64LE(at);
      packed.writeInt32LE(4, 8);
    }
    driver.launch(kernel(name), 1, name === "beyond" ? 1 : 32, 0, stream, packed);
    expect(() => {
      driver.synchronize(stream);
    }).toThrow(status);
    expect(() => allocate(16)).toThrow(status);
    expect(gpu.fault()).toMatch(words);
    driver.release(0);
    start();
    try {
      driver.free(at, stream);
      driver.synchronize(stream);
    } catch {
      // The broken guard is found again when the memory goes.
      driver.release(0);
      start();
    }
  });
});
