/** The bindings: no status is overlooked, and parameters lie where a C compiler puts them. */
import { describe, expect, test } from "vitest";
import {
  bindCompiler,
  bindCublas,
  bindDriver,
  StatusError,
  type NativeArgument,
} from "../../../daemon/backend/cuda/ffi/index.ts";
import { Parameters } from "../../../daemon/backend/cuda/parameters.ts";
import { columnProduct, spanOf } from "../../../daemon/backend/cuda/products.ts";
import { f32, i32, i64, pointer, u32, type Gemm } from "../../../daemon/backend/cuda/runtime.ts";
import { fakeNative, give, type FakeLibrary } from "./fakeNative.ts";

/** Every method of a driver, called once with something. */
function everyDriverCall(library: FakeLibrary): readonly [string, () => unknown][] {
  const native = fakeNative({ cuda: library });
  const driver = bindDriver(native, native.load("cuda"));
  const methods = Object.entries(driver).filter(
    ([name, value]) => typeof value === "function" && name !== "inContext",
  );
  const shape = { grid: [1, 1, 1], block: [1, 1, 1], sharedBytes: 0 };
  const args: Readonly<Record<string, readonly unknown[]>> = {
    loadModule: [new Uint8Array(4)],
    kernel: [1, "entry"],
    launch: [1, shape, 2, 3],
    betweenDevices: [{ address: 1, context: 2 }, { address: 3, context: 4 }, 5, 6],
  };
  return methods.map(([name, method]) => [
    name,
    () => (method as (...given: unknown[]) => unknown)(...(args[name] ?? [1, 2, 3, 4])),
  ]);
}

/** A library where every function returns the same status. */
const always = (status: number): FakeLibrary =>
  new Proxy<Record<string, () => number>>(
    {},
    {
      get: (_, name) =>
        name === "cuGetErrorName" || name === "cuGetErrorString" ? () => 1 : () => status,
    },
  );

describe("the driver", () => {
  const calls = everyDriverCall(always(700));

  test("has its functions", () => {
    expect(calls.length).toBeGreaterThan(30);
  });

  test.each(calls)("%s throws what the driver returned", (_, call) => {
    expect(call).toThrow(StatusError);
    expect(call).toThrow(/^cu\w+ returned .*\(700\)/);
  });

  test("tells a failure in the driver's own words", () => {
    const library: Record<string, (...args: readonly NativeArgument[]) => number> = {
      cuStreamSynchronize: () => 700,
    };
    const native = fakeNative({ cuda: library });
    library.cuGetErrorName = (_, out) => give(out, native.put("CUDA_ERROR_ILLEGAL_ADDRESS"));
    library.cuGetErrorString = (_, out) => give(out, native.put("an illegal memory access"));
    const driver = bindDriver(native, native.load("cuda"));
    expect(() => {
      driver.synchronise(1);
    }).toThrow(
      "cuStreamSynchronize returned CUDA_ERROR_ILLEGAL_ADDRESS (700): an illegal memory access",
    );
  });

  test("in a context, what needs one is called in it, and nothing else", () => {
    const native = fakeNative({ cuda: { cuMemAllocAsync: (out) => give(out, 4096) } });
    const entered: string[] = [];
    const driver = bindDriver(native, native.load("cuda"));
    const bound = driver.inContext(() => entered.push("entered"));
    bound.deviceCount();
    driver.synchronise(1);
    expect(entered).toEqual([]);
    bound.synchronise(1);
    expect(bound.allocateAsync(1, 1)).toBe(4096);
    expect(entered).toEqual(["entered", "entered"]);
  });

  test("not ready and out of memory are answers", () => {
    const native = fakeNative({
      cuda: { cuEventQuery: () => 600, cuMemAllocAsync: () => 2, cuMemAlloc_v2: () => 2 },
    });
    const driver = bindDriver(native, native.load("cuda"));
    expect(driver.isDone(1)).toBe(false);
    expect(driver.allocateAsync(16, 1)).toBeUndefined();
    expect(driver.allocate(16)).toBeUndefined();
  });

  test("addresses beyond 32 bits come back whole", () => {
    const address = 0x7f12_3456_7800;
    const native = fakeNative({ cuda: { cuMemAllocAsync: (out) => give(out, address) } });
    expect(bindDriver(native, native.load("cuda")).allocateAsync(16, 1)).toBe(address);
  });
});

describe("cuBLAS and NVRTC", () => {
  test("cuBLAS' statuses are thrown", () => {
    const failing = { cublasCreate_v2: () => 3, cublasGemmEx: () => 13 };
    const native = fakeNative({ cublas: failing });
    const cublas = bindCublas(native, native.load("cublas"));
    expect(() => cublas.create()).toThrow(/cublasCreate_v2 returned STATUS_3 \(3\)/);
    const product = columnProduct(square, "tf32", "f32");
    expect(() => {
      cublas.multiply(1, product);
    }).toThrow(/cublasGemmEx .*13/);
  });

  test("a product's arguments are as many and of the kinds that cublas_api.h says", () => {
    const native = fakeNative({ cublas: {} });
    const cublas = bindCublas(native, native.load("cublas"));
    cublas.multiply(1, columnProduct(square, "tf32", "f32"));
    cublas.multiply(1, columnProduct({ ...square, batch: 2 }, "tf32", "f32"));
    for (const { name, args } of native.calls.filter((call) => call.name.includes("Gemm"))) {
      expect(args).toHaveLength(native.types.get(name)?.length ?? -1);
    }
    expect(native.types.get("cublasGemmEx")).toHaveLength(19);
    expect(native.types.get("cublasGemmStridedBatchedEx")).toHaveLength(23);
  });

  test("a compiler's log is kept, other statuses are thrown", () => {
    const log = "wrong.cu(3): error\0";
    const library = (status: number): FakeLibrary => ({
      nvrtcVersion: (major, minor) => give(major, 12) + give(minor, 9),
      nvrtcCreateProgram: (out) => give(out, 5),
      nvrtcCompileProgram: () => status,
      nvrtcGetProgramLogSize: (_, out) => give(out, log.length),
      nvrtcGetProgramLog: (_, out) => {
        if (out instanceof Uint8Array) out.set(Buffer.from(log));
        return 0;
      },
    });
    const compile = (status: number) => {
      const native = fakeNative({ nvrtc: library(status) });
      const compiler = bindCompiler(native.load("nvrtc"));
      const result = compiler.compile("wrong.cu", "?", "sm_90");
      expect(native.calls.at(-1)?.name).toBe("nvrtcDestroyProgram");
      return result;
    };
    // A mistake, and an option that it does not know.
    for (const status of [6, 5]) {
      expect(compile(status)).toEqual({ image: undefined, log: "wrong.cu(3): error" });
    }
    expect(() => compile(11)).toThrow(/nvrtcCompileProgram returned STATUS_11/);
  });

  test.each([
    ["sm_90", "sm_90", "machine code"],
    ["sm_86", "sm_86", "machine code"],
    ["sm_120", "compute_100", "PTX"],
    ["sm_103", "compute_100", "PTX"],
    ["sm_89", "compute_80", "PTX"],
    // Nothing that it makes runs there: its own words tell.
    ["sm_75", "sm_75", "machine code"],
  ])("for %s a compiler of 2025 is asked for %s and gives %s", (architecture, asked, kind) => {
    const known = [80, 86, 87, 90, 100, 101];
    const codes: Readonly<Record<string, string>> = { CUBIN: "machine code", PTX: "PTX" };
    const gives = (code: string): FakeLibrary => ({
      [`nvrtcGet${code}Size`]: (_, out) => give(out, codes[code]?.length ?? 0),
      [`nvrtcGet${code}`]: (_, out) => {
        if (out instanceof Uint8Array) out.set(Buffer.from(codes[code] ?? ""));
        return 0;
      },
    });
    const native = fakeNative({
      nvrtc: {
        ...gives("CUBIN"),
        ...gives("PTX"),
        nvrtcGetNumSupportedArchs: (out) => give(out, known.length),
        nvrtcGetSupportedArchs: (out) => {
          if (out instanceof Int32Array) out.set(known);
          return 0;
        },
      },
    });
    const compiler = bindCompiler(native.load("nvrtc"));
    const { image } = compiler.compile("right.cu", "?", architecture);
    expect(Buffer.from(image ?? []).toString()).toBe(kind);
    const [, , options] =
      native.calls.find(({ name }) => name === "nvrtcCompileProgram")?.args ?? [];
    expect(options).toContain(`--gpu-architecture=${asked}`);
    expect(compiler.knows(architecture)).toBe(known.includes(Number(architecture.slice(3))));
  });
});

const square: Gemm = {
  ...{ m: 2, n: 3, k: 4, transposeA: false, transposeB: true },
  ...{ a: 0x100, b: 0x200, c: 0x300 },
};

describe("row-major to column-major", () => {
  test("operands change places and keep their transposition", () => {
    expect(columnProduct(square, "f32", "f32")).toMatchObject({
      ...{ m: 3, n: 2, k: 4 },
      a: { address: 0x200, transpose: true, leading: 4 },
      b: { address: 0x100, transpose: false, leading: 4 },
      c: { address: 0x300, leading: 3 },
    });
  });

  test.each<[string, Partial<Gemm>, number, number]>([
    ["dense", {}, 8, 12],
    ["with rows apart", { lda: 10, ldb: 7 }, 14, 18],
    ["a batch of it", { batch: 3 }, 24, 36],
    ["a batch with one operand for all", { batch: 3, strideB: 0 }, 24, 12],
    ["transposed", { transposeA: true, transposeB: false }, 8, 12],
  ])("%s: from the first to the last element", (_, more, a, b) => {
    expect(spanOf({ ...square, ...more }, "a")).toBe(a);
    expect(spanOf({ ...square, ...more }, "b")).toBe(b);
  });
});

describe("launch parameters", () => {
  test("lie as C lays them out", () => {
    const parameters = new Parameters({ address: () => 0x1000 });
    const address = 0x7f12_3456_7800;
    const args = [i32(-1), pointer(address), f32(1.5), u32(0xffff_fffe), i32(7), i64(-2)];
    expect(parameters.pack(args)).toBe(40);
    const { buffer, byteOffset, byteLength } = parameters.bytes;
    const view = new DataView(buffer, byteOffset, byteLength);
    expect(view.getInt32(0, true)).toBe(-1);
    // A pointer starts at a multiple of 8.
    expect(view.getBigUint64(8, true)).toBe(BigInt(address));
    expect(view.getFloat32(16, true)).toBe(1.5);
    expect(view.getUint32(20, true)).toBe(0xffff_fffe);
    expect(view.getInt32(24, true)).toBe(7);
    expect(view.getBigInt64(32, true)).toBe(-2n);
  });

  test("are written anew each time", () => {
    const parameters = new Parameters({ address: () => 0x1000 });
    parameters.pack([i64(1), i64(2), i64(3)]);
    expect(parameters.pack([i32(9)])).toBe(4);
    expect([...new Int32Array(parameters.bytes.slice().buffer)]).toEqual([9]);
    // Also the gap before an address, where the high word of an earlier one may lie.
    parameters.pack([i64(-1), i64(-1)]);
    expect(parameters.pack([i32(9), pointer(1)])).toBe(16);
    expect([...new Int32Array(parameters.bytes.slice().buffer)]).toEqual([9, 0, 1, 0]);
  });

  test("more than a launch can take are refused", () => {
    const parameters = new Parameters({ address: () => 0x1000 });
    expect(() => parameters.pack(Array.from({ length: 1025 }, () => i32(0)))).toThrow(RangeError);
  });
});
